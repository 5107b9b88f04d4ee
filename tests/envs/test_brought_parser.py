"""Programs of other people's that read what tests print."""

from __future__ import annotations

import json
import sys

import pytest

from envs.brought_parser import Reading, ScriptReader
from envs.git import git
from envs.grading import GradeStatus, grade
from envs.prepare import prepare
from envs.sources import open_source
from envs.task import TaskError
from sandbox.base import Limits

WRITE = "import sys\nopen(sys.argv[3], 'w').write(%r)\n"
ONE = '{"tests": [{"name": "a", "status": "PASSED"}, {"name": "a", "status": "FAILED"}]}'
PARSER = """import json, sys
lines = open(sys.argv[1]).read().splitlines()
words = [line.split() for line in lines if line.startswith("PASSED ")]
tests = [{"name": name, "status": status} for status, name in words]
json.dump({"tests": tests}, open(sys.argv[3], "w"))
"""
FIX = "--- a/tiny.txt\n+++ b/tiny.txt\n@@ -1 +1 @@\n-2\n+2.5\n"


@pytest.fixture
async def ready(make_repository, tmp_path):
    """Return what a row with a parser of its own, beside the file of rows, starts from."""
    repository = make_repository({"tiny.txt": "2\n"})
    row = {
        "instance_id": "tiny-1",
        "repo": "me/tiny",
        "base_commit": git(repository, "rev-parse", "HEAD").decode().strip(),
        "problem_statement": "half(5) is 2",
        "patch": FIX,
        "FAIL_TO_PASS": ["odd"],
        "PASS_TO_PASS": ["even"],
        "test_command": 'echo PASSED noise\ngrep -q 2.5 tiny.txt && echo PASSED odd; echo "PASSED even"',
        "log_parser": "script:parsers/mine.py",
        "python": sys.executable,
    }
    (tmp_path / "rows.json").write_text(json.dumps([row]))
    (tmp_path / "parsers").mkdir()
    (tmp_path / "parsers" / "mine.py").write_text(PARSER)
    task, _ = await open_source(str(tmp_path / "rows.json")).load("tiny-1", tmp_path)
    return task, await prepare(task, repository, tmp_path / "home")


async def test_a_row_may_name_a_program_that_reads_its_log(ready, host):
    assert (await grade(*ready, host, FIX)).status is GradeStatus.RESOLVED
    wrong = await grade(*ready, host, FIX.replace("2.5", "3"))
    assert wrong.status is GradeStatus.UNRESOLVED
    assert {test: one.value for test, one in wrong.pass_to_pass.items()} == {"even": "passed"}


async def test_a_program_that_is_not_there_is_named_at_grading(ready, host, tmp_path):
    (tmp_path / "parsers" / "mine.py").unlink()
    task, _ = await open_source(str(tmp_path / "rows.json")).load("tiny-1", tmp_path)
    path = tmp_path / "parsers" / "mine.py"
    with pytest.raises(
        TaskError, match=f"tiny-1 cannot be graded: the parser {path} cannot be read: No such"
    ):
        await grade(task, ready[1], host, FIX)


@pytest.mark.parametrize(
    ("program", "found"),
    [
        (WRITE % ONE, Reading({"a": "PASSED"})),
        (WRITE % "[", Reading(problem="the parser's result is no JSON: ")),
        (WRITE % ("[" * 100_000), Reading(problem="the parser's result is no JSON: ")),
        (WRITE % "[]", Reading(problem="the parser's result has no list `tests`")),
        (WRITE % '{"tests": [{"name": 1}]}', Reading(problem="the parser's result lists a test without")),
        ("pass", Reading(problem="the parser wrote no result")),
        ("raise ValueError('odd line')", Reading(problem="the parser failed: ValueError: odd line")),
    ],
    ids=["pass counts", "no JSON", "deep", "no list", "no name", "no result", "fails"],
)
async def test_what_a_program_says_is_checked(ready, host, program, found):
    _, prepared = ready
    [read] = await ScriptReader(host, prepared.root, Limits()).read(program, [("", "")])
    assert read.statuses == found.statuses
    assert read.problem.startswith(found.problem)
