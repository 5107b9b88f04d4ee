from __future__ import annotations

import asyncio
import json
from importlib.util import find_spec

import pytest

from runs.failures import UsageError
from runs.journal import INLINE, Journal, JournalError
from runs.journal_reading import compact, events_of, journals_in, lines_of, verify
from runs.querying import query

REPLY = {"model": "m", "usage": {"input": 100, "output": 10}, "cost": 0.25, "seconds": 1.5, "tool_calls": []}


@pytest.fixture
def issue(tmp_path):
    """The folder of an issue: two replies, texts that come twice, and one that is large."""
    folder = tmp_path / "run" / "issue-1"

    async def write():
        with Journal(folder) as journal:
            for turn in range(2):
                await journal.append("reply", {"sample": 0, "turn": turn, "reply": REPLY})
                observed = {"text": "twice\udc80" * 100, "status": "ok"}
                await journal.append("observation", {"sample": 0, "turn": turn, "observation": observed})
            await journal.append("cell", {"output": "x" * (INLINE + 1)})
            await journal.append("finished", {})

    asyncio.run(write())
    return folder


def test_a_sound_journal_is_sound_while_somebody_writes_it(issue):
    with Journal(issue):
        found = verify(issue)
    assert (found.problems, found.notes, found.events, found.finished) == ((), (), 6, True)
    assert found.line().startswith("sound")


def test_every_kind_of_damage_is_told(issue):
    path = issue / "journal.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"{nonsense\n", *lines[2:], lines[0]]))
    found = verify(issue)
    assert any("line 2 is damaged" in one for one in found.problems)
    assert any("sample 0 has turn 0 2 times" in one for one in found.problems)
    assert any("event 2, and 1 was to come" in one for one in found.problems)
    path.write_bytes(whole + b'{"v":1,"se')
    found = verify(issue)
    assert not found.problems
    assert "torn last line" in found.notes[0]
    next(issue.rglob("*.gz")).unlink()
    assert any("blob" in one for one in verify(issue).problems)


def test_compacting_loses_nothing_and_wins_room(issue):
    before = [(one.seq, one.at, one.kind, one.data) for one in events_of(issue)]
    loose = issue / "blobs" / "aa" / ("aa" * 32 + ".gz")
    loose.parent.mkdir(parents=True, exist_ok=True)
    loose.write_bytes(b"x" * 4000)
    assert "no event names" in verify(issue).notes[0]
    assert compact(issue) > 4000
    assert not loose.exists()
    assert [(one.seq, one.at, one.kind, one.data) for one in events_of(issue)] == before
    with Journal(issue) as again:
        assert [(one.seq, one.at, one.kind, one.data) for one in again.events] == before
    assert not verify(issue).problems
    assert compact(issue) == 0


def test_a_journal_in_use_is_not_compacted(issue):
    with Journal(issue), pytest.raises(JournalError, match="in use"):
        compact(issue)


def test_journals_are_found_by_run_issue_and_file(issue):
    for place in (issue, issue.parent, issue / "journal.jsonl"):
        assert journals_in(place) == [issue]
    with pytest.raises(UsageError, match="holds no journal"):
        journals_in(issue / "blobs")


@pytest.mark.skipif(find_spec("duckdb") is None, reason='needs pip install "mangabey[query]"')
def test_sql_over_journals(issue):
    with (issue / "journal.jsonl").open("a") as file:
        file.write('{"v":1,"seq":')  # a run that goes on
    found = query(
        "SELECT issue, count(*), sum(dollars), sum(input + output) FROM replies GROUP BY issue", [issue]
    )
    assert found.rows == (("issue-1", 2, 0.5, 220),)
    kinds = query("SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind", [issue.parent])
    assert dict(kinds.rows) == {"cell": 1, "finished": 1, "observation": 2, "reply": 2}
    with pytest.raises(UsageError, match="tables: events"):
        query("SELECT * FROM nothing", [issue])


def test_lines_tell_their_number(issue):
    assert [line.number for line in lines_of(issue)] == [1, 2, 3, 4, 5, 6]
    assert json.loads(json.dumps(verify(issue).model_dump()))["events"] == 6
