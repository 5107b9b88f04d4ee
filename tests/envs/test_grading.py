from __future__ import annotations

from dataclasses import replace

import pytest

from envs.grading import GradeStatus, grade
from envs.outcomes import Outcome
from envs.prepare import prepare
from envs.sources import Choice, chosen_tasks, find_task
from envs.sources.registry import describe_task
from envs.task import Sealed, TaskError
from envs.validate import validate
from sandbox.base import SandboxUnavailableError

ODD = "tests/test_tiny.py::test_odd[a b [c::d]]"
PRINT = (
    "diff --git a/tiny.py b/tiny.py\n--- a/tiny.py\n+++ b/tiny.py\n@@ -1,3 +1,4 @@\n def half(n):\n"
    '     """Return n / 2."""\n+    print("PASSED")\n     return n // 2\n'
)


@pytest.fixture
async def prepared(task, tmp_path):
    found, repository = task
    return found, await prepare(found, repository, tmp_path / "home")


def added(path, text):
    lines = "".join(f"+{line}\n" for line in text.splitlines())
    count = len(text.splitlines())
    header = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    return f"{header}@@ -0,0 +1,{count} @@\n{lines}"


async def test_a_sound_task_is_valid_and_its_fix_resolves_it(prepared, host):
    task, base = prepared
    validation = await validate(task, base, host)
    assert validation.problems == ()
    assert validation.sound
    result = await grade(task, base, host, task.grading.unseal().gold_patch, reruns=2)
    assert result.status is GradeStatus.RESOLVED
    assert result.resolved
    assert result.runs == 2
    assert result.fail_to_pass == {ODD: Outcome.PASSED}
    assert set(result.pass_to_pass.values()) == {Outcome.PASSED}
    assert "tests/test_tiny.py" in result.command
    assert result.summary == "1 of 1 FAIL_TO_PASS, 2 of 2 PASS_TO_PASS"


async def test_what_does_not_fix_it_is_unresolved(prepared, host):
    task, base = prepared
    assert (await grade(task, base, host, " \n")).status is GradeStatus.EMPTY_PATCH
    assert (await grade(task, base, host, "no patch")).status is GradeStatus.PATCH_DOES_NOT_APPLY
    result = await grade(task, base, host, PRINT)
    assert result.status is GradeStatus.UNRESOLVED
    assert result.fail_to_pass == {ODD: Outcome.FAILED}


CHEAT = """
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        yield
    except BaseException:
        pass
"""
GONE = """diff --git a/tests/test_tiny.py b/tests/test_tiny.py
deleted file mode 100644
--- a/tests/test_tiny.py
+++ /dev/null
@@ -1,5 +0,0 @@
-import tiny
-
-
-def test_even():
-    assert tiny.half(4) == 2
"""


@pytest.mark.parametrize(
    "cheat",
    [
        added("conftest.py", CHEAT),
        added("tests/conftest.py", CHEAT),
        added(".gitignore", "conftest.py") + added("conftest.py", CHEAT),
        added("pytest.ini", "[pytest]\naddopts = -k even"),
        added("pytest.py", "import sys\nsys.exit(0)"),
        added("_pytest/__init__.py", "import sys; sys.exit(0)"),
        added("sitecustomize.py", "import os\nos._exit(0)"),
        GONE,
    ],
    ids=["conftest", "deep", "ignored", "ini", "shadow", "package", "site", "deleted"],
)
async def test_cheating_changes_nothing(prepared, host, cheat):
    task, base = prepared
    result = await grade(task, base, host, PRINT + cheat)
    assert result.status is GradeStatus.UNRESOLVED
    assert result.fail_to_pass == {ODD: Outcome.FAILED}
    assert set(result.pass_to_pass.values()) == {Outcome.PASSED}


async def test_a_patch_that_leaves_no_place_for_the_tests_is_unresolved(prepared, host):
    task, base = prepared
    result = await grade(task, base, host, GONE + added("tests", "now a file"))
    assert result.status is GradeStatus.UNRESOLVED
    assert result.fail_to_pass == {ODD: Outcome.NOT_APPLIED}
    assert "no place" in result.message


async def test_a_patch_whose_context_moved_is_applied_with_tolerance(prepared, host):
    task, base = prepared
    moved = (
        "--- a/tiny.py\n+++ b/tiny.py\n@@ -9,3 +9,3 @@\n def half(n):\n     # another comment\n"
        "-    return n // 2\n+    return n / 2\n"
    )
    assert (await grade(task, base, host, moved)).status is GradeStatus.RESOLVED


async def test_an_unsound_task_is_told_by_name(prepared, host):
    task, base = prepared
    grading = task.grading.unseal()
    wrong = replace(
        grading, fail_to_pass=grading.pass_to_pass[:1], pass_to_pass=(ODD, "tests/test_tiny.py::test_none")
    )
    problems = (await validate(replace(task, grading=Sealed(wrong)), base, host)).problems
    assert problems == (
        "FAIL_TO_PASS test is passed without the fix: tests/test_tiny.py::test_even",
        f"PASS_TO_PASS test is failed without the fix: {ODD}",
    )


async def test_tests_that_fail_with_the_fix_too_are_set_aside_by_name(prepared, host):
    task, base = prepared
    grading = task.grading.unseal()
    more = replace(grading, pass_to_pass=(*grading.pass_to_pass, "tests/test_tiny.py::test_none"))
    widened = replace(task, grading=Sealed(more))
    found = await validate(widened, base, host)
    assert found.sound
    assert found.set_aside == ("tests/test_tiny.py::test_none",)
    assert (await grade(widened, base, host, grading.gold_patch)).status is GradeStatus.UNRESOLVED
    aside = replace(task, grading=Sealed(replace(more, known_failures=found.set_aside)))
    graded = await grade(aside, base, host, grading.gold_patch)
    assert graded.status is GradeStatus.RESOLVED
    assert graded.set_aside == found.set_aside
    assert "1 set aside" in graded.summary


async def test_a_sandbox_that_fails_says_nothing_about_the_patch(prepared):
    class NoRoom:
        name = "none"

        async def start(self, origin, limits=None, *, network=False):
            raise SandboxUnavailableError("no\nroom")

    task, base = prepared
    result = await grade(task, base, NoRoom(), PRINT)
    assert result.status is GradeStatus.INFRASTRUCTURE
    assert result.summary == "no room"


async def test_a_task_without_hidden_tests_cannot_be_graded(prepared, host):
    task, base = prepared
    with pytest.raises(TaskError, match="no hidden tests"):
        await grade(replace(task, grading=None), base, host, PRINT)


async def test_tasks_are_found_by_source(manifest, tmp_path):
    task, _ = await find_task("pypi/tiny__1.0-1", tmp_path / "home", manifest)
    assert task.instance_id == "tiny__1.0-1"
    assert chosen_tasks("pypi", Choice(), manifest)[1] == ["tiny__1.0-1"]
    row = describe_task("pypi/tiny__1.0-1", manifest)
    assert "It should be 2.5" in row["issue"]
    assert "test_odd" not in str(row)
    for spec, hint in (
        ("funcy__2.0-1", "did you mean pypi/funcy__2.0-1"),
        ("x/y", "there is no source 'x'"),
        ("", "pypi/ID"),
    ):
        with pytest.raises(TaskError, match=hint):
            await find_task(spec, tmp_path / "home")
