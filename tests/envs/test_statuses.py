"""Each thing that grading can say of a patch, beyond whether it resolves the task."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from envs.git import git
from envs.grading import GradeStatus, grade
from envs.prepare import prepare
from envs.task import Environment, Grading, Sealed, Task
from sandbox.base import Root
from tests.interpreter import lean_python

BUGGY = "def half(n):\n    return n // 2\n"
TESTS = "import tiny\n\n\ndef test_even():\n    assert tiny.half(4) == 2\n\n\n"
TESTS += "def test_odd():\n    assert tiny.half(5) == 2.5\n"
RUNNER = "python -m pytest -p no:cacheprovider -o addopts="


class Counting:
    """Sandboxes of a host, in each of which RUN says which one it is."""

    name = "counting"

    def __init__(self, host):
        self.host, self.count = host, 0

    async def start(self, origin, limits=None, *, network=False):
        self.count += 1
        assert isinstance(origin, Root)
        return await self.host.start(replace(origin, env={**origin.env, "RUN": str(self.count)}), limits)


@pytest.fixture
async def ready(make_repository, tmp_path):
    folder = make_repository({"tiny.py": BUGGY, "tests/test_tiny.py": TESTS})
    grading = Grading(
        test_patch="",
        test_command=f"{RUNNER} tests/test_tiny.py",
        fail_to_pass=("tests/test_tiny.py::test_odd",),
        pass_to_pass=("tests/test_tiny.py::test_even",),
        test_files=("tests/test_tiny.py",),
    )
    base = git(folder, "rev-parse", "HEAD").decode().strip()
    task = Task("tiny", "x", base, "issue", Environment(python=str(lean_python())), RUNNER, Sealed(grading))
    return task, await prepare(task, folder, tmp_path / "home")


def patched(body):
    lines = "".join(f"+    {line}\n" for line in body)
    count = len(body) + 1
    return f"--- a/tiny.py\n+++ b/tiny.py\n@@ -1,2 +1,{count} @@\n def half(n):\n-    return n // 2\n{lines}"


SLEEP = patched(["import time", "time.sleep(100)"])


async def test_a_patch_that_takes_too_long_is_timed_out(ready, host):
    found = await grade(*ready, host, SLEEP, seconds=4)
    assert (found.status, found.runs) == (GradeStatus.TIMED_OUT, 1)


async def test_tests_that_run_nowhere_are_the_environments_fault(ready, host):
    task, prepared = ready
    broken = replace(task.grading.unseal(), test_command="false -m pytest tests/test_tiny.py")
    found = await grade(replace(task, grading=Sealed(broken)), prepared, host, patched(["return n / 2"]))
    assert found.status is GradeStatus.ENVIRONMENT_BROKEN
    assert not found.status.is_verdict


async def test_a_host_that_is_closed_meanwhile_says_nothing_of_the_patch(ready, host):
    grading = asyncio.create_task(grade(*ready, host, SLEEP, seconds=100))
    await asyncio.sleep(3)
    await host.close()
    found = await grading
    assert found.status is GradeStatus.INFRASTRUCTURE
    assert found.message


async def test_runs_that_disagree_are_flaky_where_reruns_are_asked_for(ready, host):
    patch = patched(["import os", "return n / 2 if int(os.environ['RUN']) % 2 else n // 2"])
    found = await grade(*ready, Counting(host), patch, reruns=3)
    assert (found.status, found.runs) == (GradeStatus.FLAKY, 3)
    assert "runs disagree: 2 resolved, 1 unresolved" in found.message


async def test_a_surprising_failure_is_looked_at_again(ready, host):
    once = patched(["import os", "return n / 2 if n == 5 or os.environ['RUN'] != '1' else 0"])
    found = await grade(*ready, Counting(host), once)
    assert (found.status, found.runs) == (GradeStatus.RESOLVED, 3)
    assert "runs disagree: 1 unresolved, 2 resolved" in found.message
    always = await grade(*ready, host, patched(["return n / 2 if n == 5 else 0"]))
    assert (always.status, always.runs) == (GradeStatus.UNRESOLVED, 3)


def unseen(task, **fields):
    """Return a task whose command leaves tests of ours out, so that none of them can be in its report."""
    command = f"{RUNNER} tests/test_tiny.py -k 'odd or even'"
    return replace(task, grading=Sealed(replace(task.grading.unseal(), test_command=command, **fields)))


FIX = patched(["return n / 2"])


async def test_where_the_reference_fix_does_not_show_our_tests_either_they_count_for_nothing(ready, host):
    task, prepared = ready
    found = await grade(unseen(task, gold_patch=FIX), prepared, host, FIX)
    assert (found.status, found.message) == (GradeStatus.RESOLVED, "")


async def test_where_the_reference_fix_shows_our_tests_a_run_without_them_is_not_believed(ready, host):
    task, prepared = ready
    task = replace(task, grading=Sealed(replace(task.grading.unseal(), gold_patch=FIX)))
    empties = FIX.replace(
        "-1,2 +1,2 @@\n",
        "-1,2 +1,4 @@\n+import glob\n+[open(one, 'w') for one in glob.glob('tests/test_q*')]\n",
    )
    found = await grade(task, prepared, host, empties)
    assert (found.status, found.fail_to_pass) == (
        GradeStatus.UNRESOLVED,
        {"tests/test_tiny.py::test_odd": "passed"},
    )
    assert "tests of ours are missing from the run's report" in found.message
