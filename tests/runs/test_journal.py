from __future__ import annotations

import asyncio
import json
import resource
import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.journal import INLINE, Journal, JournalError

texts = st.text(max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**50), 2**50) | texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(texts.filter(lambda k: k != "$blob"), inner, max_size=3)
    ),
    max_leaves=8,
)
records = st.lists(
    st.tuples(st.sampled_from(["reply", "cell", "other"]), st.dictionaries(texts, values, max_size=3)),
    max_size=6,
)


def write(folder, events):
    async def run():
        with Journal(folder) as journal:
            for kind, data in events:
                await journal.append(kind, data)

    asyncio.run(run())


def read(folder):
    with Journal(folder) as journal:
        return [(event.kind, dict(event.data)) for event in journal.events], list(journal.notices)


@settings(max_examples=40, deadline=None)
@given(records, st.integers(0, 10**6))
def test_a_cut_at_any_byte_loses_at_most_the_last_line(tmp_path_factory, events, cut):
    folder = tmp_path_factory.mktemp("journal")
    write(folder, events)
    assert read(folder) == (events, [])
    path = folder / "journal.jsonl"
    raw = path.read_bytes()
    cut %= len(raw) + 1
    path.write_bytes(raw[:cut])
    whole = raw[:cut].count(b"\n")
    found, notices = read(folder)
    assert found == events[:whole]
    assert bool(notices) == (not raw[:cut].endswith(b"\n") and cut > 0)
    write(folder, [("after", {"x": 1})])
    assert read(folder)[0] == [*events[:whole], ("after", {"x": 1})]


def test_large_texts_are_stored_once_beside_the_journal_but_replies_stay_whole(tmp_path):
    big = "é\udc80\n" * INLINE
    write(tmp_path, [("cell", {"a": big, "b": [big]}), ("reply", {"text": "x" * (INLINE + 1)})])
    assert len(list(tmp_path.rglob("*.gz"))) == 1
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert len(lines[0]) < 500
    assert json.loads(lines[1])["data"]["text"] == "x" * (INLINE + 1)
    assert read(tmp_path)[0][0] == ("cell", {"a": big, "b": [big]})


def test_a_damaged_blob_or_line_is_told_and_never_skipped(tmp_path):
    write(tmp_path, [("cell", {"a": "y" * (INLINE + 1)})])
    blob = next(tmp_path.rglob("*.gz"))
    blob.write_bytes(b"nonsense")
    with pytest.raises(JournalError, match="line 1 is damaged"):
        Journal(tmp_path)


def test_two_writers_are_refused(tmp_path):
    with Journal(tmp_path), pytest.raises(JournalError, match="in use by another run"):
        Journal(tmp_path)


def test_a_newer_schema_is_refused(tmp_path):
    (tmp_path / "journal.jsonl").write_text('{"v":99,"seq":0,"at":"","kind":"x","data":{}}\n')
    with pytest.raises(JournalError, match="newer Mangabey"):
        Journal(tmp_path)


async def test_when_the_disk_is_full_what_was_recorded_stays(tmp_path):
    with Journal(tmp_path) as journal:
        await journal.append("first", {"x": 1})
        size = journal.path.stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30, hard))
        try:
            with pytest.raises(JournalError, match="cannot record"):
                await journal.append("second", {"x": "y" * 200})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
        await journal.append("third", {"x": 3})
    assert read(tmp_path)[0] == [("first", {"x": 1}), ("third", {"x": 3})]


async def test_concurrent_appends_keep_whole_lines_in_order(tmp_path):
    with Journal(tmp_path) as journal:
        async with asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(journal.append("n", {"n": number}))
    with Journal(tmp_path) as journal:
        assert [event.seq for event in journal.events] == list(range(30))
        assert sorted(event.data["n"] for event in journal.events) == list(range(30))
        assert journal.last("n", n=7) == {"n": 7}
        assert journal.last("n", n=99) is None


def test_killed_at_any_instant_the_journal_opens(tmp_path):
    script = (
        "import asyncio, sys, pathlib\n"
        "from runs.journal import Journal\n"
        "async def run():\n"
        "    with Journal(pathlib.Path(sys.argv[1])) as journal:\n"
        "        for n in range(10**6):\n"
        "            await journal.append('n', {'n': n, 'pad': 'z' * (n % 9000)})\n"
        "            print(n, flush=True)\n"
        "asyncio.run(run())\n"
    )
    said = -1
    child = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for line in child.stdout:
        said = int(line)
        if said >= 25:
            child.kill()
            break
    child.stdout.close()
    child.wait()
    found, _ = read(tmp_path)
    assert len(found) >= said + 1
    assert [data["n"] for _, data in found] == list(range(len(found)))
