from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from agent.context import gather, is_test, rank, words
from agent.sources import as_text, fetch_python, unpack
from envs.task import PublicTask
from sandbox.base import Sandbox

LINE = re.compile(r"[^:\n]+:\d+-\d+ (class|function|method) [\w.]+")


async def test_gathers_definitions_and_tests(task: PublicTask, sandbox: Sandbox) -> None:
    context = await gather(task, sandbox)
    assert context.lines[0] == "shapes.py:11-12 method Rectangle.area"
    assert all(LINE.fullmatch(line) for line in context.lines)
    assert not any(line.startswith("tests/") for line in context.lines)
    assert context.tests == ("tests/test_shapes.py",)
    assert context.render().startswith("shapes.py:11-12 method Rectangle.area\n")
    assert context.render().endswith("Existing test files:\ntests/test_shapes.py")


async def test_what_is_fetched(sandbox: Sandbox) -> None:
    await sandbox.exec(
        "head -c 3000000 /dev/zero | tr '\\0' 'x' > huge.py; head -c 50000000 /dev/zero > blob.py; "
        "ln -s /etc/passwd link.py; ln -s nowhere.py dangling.py; mkdir dir.py; echo 'y = 1' > './-rf.py'; "
        "echo 'z = 1' > $'new\\nline.py'; echo 'u = 1' > 'sp ace.py'; printf 'a\\0b' > nul.py; "
        "echo ignored.py > .gitignore; echo 'i = 1' > ignored.py; rm tabs.py"
    )
    before = (await sandbox.exec("ls /tmp")).text
    files = await fetch_python(sandbox)
    assert sorted(files) == [
        "-rf.py",
        "broken.py",
        "latin.py",
        "new\nline.py",
        "shapes.py",
        "sp ace.py",
        "tests/test_shapes.py",
    ]
    assert "café" in files["latin.py"]
    assert (await sandbox.exec("ls /tmp")).text == before


async def test_without_git_and_without_python(task: PublicTask, sandbox: Sandbox) -> None:
    await sandbox.exec("rm -rf .git")
    assert (await gather(task, sandbox)).lines[0] == "shapes.py:11-12 method Rectangle.area"
    await sandbox.exec("find . -name '*.py' -delete")
    empty = await gather(task, sandbox)
    assert (empty.lines, empty.tests) == ((), ())
    assert empty.render()


def test_frames_of_a_traceback_come_first(tmp_path: Path) -> None:
    body = "def {name}(value):\n    return value\n\n\n"
    sources = {f"pkg/m{n}.py": "".join(body.format(name=f"f{n}_{k}") for k in range(5)) for n in range(30)}
    issue = (
        'It breaks.\n  File "/home/me/venv/lib/pkg/m17.py", line 14, in f17_3\n    return value\nTypeError: x'
    )
    context = rank(issue, sources)
    assert context.lines[0] == "pkg/m17.py:13-14 function f17_3"
    assert len(context.lines) == 40


def test_words() -> None:
    expected = ["get", "http", "response", "code", "naïve", "text"]
    assert words("getHTTPResponse_code2 x, naïveText") == expected


def test_tests_are_told_by_path() -> None:
    for path in (
        "tests/a.py",
        "pkg/tests/b.py",
        "test_a.py",
        "a/b_test.py",
        "conftest.py",
        "x/conftest.py",
        "tests.py",
    ):
        assert is_test(path), path
    for path in ("pkg/testing.py", "contest.py", "latest_a.py", "pkg/attest.py"):
        assert not is_test(path), path


@given(
    st.text(max_size=200),
    st.dictionaries(st.sampled_from(["a.py", "b/c.py", "tests/t.py"]), st.text(max_size=200)),
)
def test_ranking_never_fails(issue: str, sources: dict[str, str]) -> None:
    rank(issue, sources)


@given(st.binary(max_size=300))
def test_any_bytes_become_text(raw: bytes) -> None:
    as_text(raw)
    unpack(raw)
