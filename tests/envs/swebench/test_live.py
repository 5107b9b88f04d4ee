from __future__ import annotations

import pytest

from envs.git import git
from envs.grading import GradeStatus, grade
from envs.prepare import prepare
from envs.swebench.families import FAMILIES
from envs.swebench.gradings import grading_of
from envs.swebench.live import live_resolved
from envs.swebench.rows import read_row
from envs.task import Environment, Sealed, Task
from tests.interpreter import lean_python

FIX = "--- a/tiny.py\n+++ b/tiny.py\n@@ -1 +1 @@\n-HALF = 2\n+HALF = 2.5\n"
TESTS = (
    "import pytest\nimport tiny\n\ndef test_odd():\n    assert tiny.HALF == 2.5\n\n"
    "def test_broken():\n    assert tiny.HALF == 2\n"
)
PREFIX = "tests/test_tiny.py::"
COMMAND = "python -m pytest -rA -p no:cacheprovider tests/test_tiny.py"


@pytest.mark.parametrize(
    ("statuses", "resolved"),
    [
        ({"f": "PASSED", "p": "PASSED"}, True),
        ({"f": "PASSED"}, True),
        ({"f": "PASSED", "p": "SKIPPED"}, True),
        ({"f": "PASSED", "p": "FAILED"}, False),
        ({"f": "PASSED", "p": "XFAIL"}, False),
        ({"f": "FAILED", "p": "PASSED"}, False),
        ({"p": "PASSED"}, False),
        ({}, False),
    ],
)
def test_what_a_log_leaves_out_counts_as_kept(statuses, resolved):
    assert live_resolved(statuses, ["f"], ["p"]) is resolved


@pytest.mark.parametrize(
    ("family", "kept", "status"),
    [
        ("live", "test_gone", GradeStatus.RESOLVED),
        ("live", "test_broken", GradeStatus.UNRESOLVED),
        ("gym", "test_gone", GradeStatus.UNRESOLVED),
    ],
)
async def test_only_swe_bench_live_is_judged_by_its_rule(
    make_repository, tmp_path, host, family, kept, status
):
    repository = make_repository({"tiny.py": "HALF = 2\n", "tests/test_tiny.py": TESTS})
    base = git(repository, "rev-parse", "HEAD").decode().strip()
    row = {"instance_id": "t-1", "FAIL_TO_PASS": [f"{PREFIX}test_odd"], "PASS_TO_PASS": [f"{PREFIX}{kept}"]}
    row |= {"test_cmds": [COMMAND], "log_parser": "pytest", "test_files": ["tests/test_tiny.py"]}
    grading = Sealed(grading_of(read_row(row, "here"), FAMILIES[family]))
    task = Task("t-1", "t/t", base, "issue", Environment(python=str(lean_python())), "pytest", grading)
    found = await grade(task, await prepare(task, repository, tmp_path / "home"), host, FIX)
    assert (found.status, found.rule) == (status, FAMILIES[family].rule), found.log
