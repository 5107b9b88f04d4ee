from __future__ import annotations

import errno
import random

import pytest

from envs.outcomes import Outcome
from envs.regressions import existing_tests
from sandbox.base import Status
from selection.candidate import Candidate, TestFile
from selection.cells import Cell, MemoryCells
from selection.clusters import cluster
from selection.matrix import BASE, run_matrix
from selection.select import select
from selection.separate import candidate_from_diff
from selection.votes import speaking

P, F, E = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR
BUGGY = (
    b"def clamp(x, low, high):\n    if x < low:\n        return low\n"
    b"    if x < high:\n        return high\n    return x\n"
)
FIXED = BUGGY.replace(b"x < high", b"x > high")
ISSUE_TEST = (
    b"from calc import clamp\n\n\ndef test_inside():\n    assert clamp(5, 0, 9) == 5\n\n\n"
    b"def test_above():\n    assert clamp(10, 0, 9) == 9\n"
)
CHEAT = b"""
print("=== 9 passed in 0.01s ===")
report = '<testsuite tests="1"><testcase classname="tests.test_a" name="test_inside"/></testsuite>'
open("junit.xml", "w").write(report)
"""
SKIP_ALL = b"""
import pytest
def pytest_collection_modifyitems(items):
    for one in items: one.add_marker(pytest.mark.skip)
"""


async def judged(scene, pool, *, seconds=30.0, cells=None, parallel=2, targets=None):
    clusters = await cluster(scene.base, pool)
    if targets is None:
        targets = await existing_tests(scene.base, ["calc/__init__.py", "calc/extra.py"])
    matrix = await run_matrix(
        scene.task,
        scene.base,
        pool,
        clusters,
        regressions=[targets],
        cells=cells,
        parallel=parallel,
        timeout=seconds,
    )
    return clusters, matrix, select(pool, clusters, matrix)


def outcomes(matrix, target, row):
    return {matrix.outcome(test.id, row) for test in matrix.tests if test.target == target}


async def test_the_right_fix_wins_and_everyone_else_is_told_why(scene):
    right = scene.candidate("right", {"calc/__init__.py": FIXED, "tests/test_a.py": ISSUE_TEST})
    same = scene.candidate("same", {"calc/__init__.py": FIXED.replace(b"x > high:", b"(x > high):  # above")})
    wrong = scene.candidate(
        "wrong",
        {
            "calc/__init__.py": BUGGY.replace(b"        return high\n", b"        return 5\n"),
            "tests/test_b.py": b"from calc import clamp\ndef test_five():\n    assert clamp(5, 0, 9) == 5\n",
        },
    )
    breaker = scene.candidate(
        "breaker", {"calc/__init__.py": FIXED, "calc/extra.py": b"def double(x):\n    return x\n"}
    )
    cheater = scene.candidate(
        "cheater",
        {
            "calc/__init__.py": BUGGY + CHEAT,
            "conftest.py": SKIP_ALL,
            "tests/test_calc.py": b"def test_low(): ...\n",
            "tests/test_c.py": b"def test_broken(:\n",
        },
    )
    editor = scene.candidate(
        "editor", {"tests/test_calc.py": b"def test_low(): ...\n", "conftest.py": SKIP_ALL}
    )
    broken = Candidate("broken", right.patch.replace("x < high", "x <= high"), origin="broken")
    pool = [cheater, wrong, editor, broken, breaker, same, right]
    clusters, matrix, chosen = await judged(scene, pool)
    told = {one.candidate: one.rejected for one in chosen.ranking}

    assert chosen.winner == right.id
    assert chosen.reason == "2 of 2 votes, breaks none of 2 existing tests, made by 2 candidates"
    assert clusters.key_of(same.id) == clusters.key_of(right.id)
    assert told[same.id] == ""
    assert told[wrong.id] == "fails 1 of 3 reproduction tests: 1 votes, the winner has 2"
    assert told[breaker.id] == "breaks tests/test_extra.py::test_2"
    assert told[cheater.id].startswith(
        "fails 3 of 3 reproduction tests; dropped conftest.py (configures the test run)"
    )
    assert told[editor.id].startswith("no source change left: dropped conftest.py (configures the test run)")
    assert told[broken.id].startswith("does not apply: patch failed: calc/__init__.py")
    assert outcomes(matrix, "tests/test_a.py::test_inside", BASE) == {F}
    assert outcomes(matrix, "tests/test_a.py::test_inside", clusters.key_of(right.id)) == {P}
    assert outcomes(matrix, "tests/test_a.py::test_inside", clusters.key_of(cheater.id)) == {F}
    assert matrix.quarantined == ()


async def test_a_hanging_candidate_costs_its_own_row_only(scene):
    hanging = scene.candidate("hanging", {"calc/__init__.py": FIXED + b"while True: pass\n"})
    right = scene.candidate("right", {"calc/__init__.py": FIXED, "tests/test_a.py": ISSUE_TEST})
    cells = MemoryCells()
    clusters, matrix, chosen = await judged(scene, [hanging, right], seconds=8, cells=cells)
    assert chosen.winner == right.id
    row = clusters.key_of(hanging.id)
    assert outcomes(matrix, "tests/test_a.py::test_inside", row) == {Outcome.TIMED_OUT}
    assert outcomes(matrix, "tests/test_calc.py::test_low", row) == {Outcome.TIMED_OUT}
    told = {one.candidate: one.rejected for one in chosen.ranking}
    assert told[hanging.id].startswith("breaks tests/test_calc.py")
    # twice the base, the right row, and of the hanging one: its test, the batch, one file of it
    assert len(cells) == 2 * 2 + 2 + 3


async def test_a_crash_in_one_existing_file_hides_no_other(scene):
    crashing = scene.candidate("crashing", {"calc/extra.py": b"import os\nos.kill(os.getpid(), 9)\n"})
    clusters, matrix, chosen = await judged(scene, [crashing])
    assert chosen.ranking[0].regressions == ("tests/test_extra.py::test_2",)
    assert outcomes(matrix, "tests/test_calc.py::test_low", clusters.key_of(crashing.id)) == {P}


@pytest.mark.parametrize(
    "end", [b"import os\nos._exit(0)\n", b"import os, signal\nos.kill(os.getpid(), 9)\n"]
)
async def test_a_candidate_that_ends_the_run_has_passed_nothing(scene, end):
    quitter = scene.candidate("quitter", {"calc/__init__.py": FIXED + end, "tests/test_a.py": ISSUE_TEST})
    _, matrix, chosen = await judged(scene, [quitter])
    assert chosen.winner is None
    assert "tests/test_calc.py::test_low" in chosen.ranking[0].regressions
    assert not any(matrix.passes(test.id, row) for test in matrix.tests for row in matrix.rows)


async def test_a_test_file_that_cannot_be_read_votes_for_nobody_and_stops_nobody(scene):
    right = scene.candidate("right", {"calc/__init__.py": FIXED, "tests/test_a.py": ISSUE_TEST})
    clusters = await cluster(scene.base, [right])
    bad = Candidate("bad", "", tests=(TestFile("tests/test_bad.py", "def test_x(:\n", "bad"),))
    taken = Candidate("taken", "", tests=(TestFile("tests/test_calc.py", "def test_x(): ...\n", "taken"),))
    again = Candidate(
        "again", "", tests=(TestFile("tests/test_z.py", f"# mine\n{ISSUE_TEST.decode()}", "again"),)
    )
    pool = [bad, taken, again, right]
    matrix = await run_matrix(scene.task, scene.base, pool, clusters)
    assert select(pool, clusters, matrix).winner == right.id
    row = clusters.key_of(right.id)
    assert outcomes(matrix, "tests/test_bad.py", row) == outcomes(matrix, "tests/test_bad.py", BASE) == {E}
    assert [(one.path, one.reason) for one in matrix.refused] == [
        ("tests/test_calc.py", "the repository has a file of that name")
    ]
    assert {test.authors for test in matrix.tests if test.target.startswith("tests/test_a.py")} == {
        tuple(sorted(["again", right.id]))
    }
    assert not any(test.target.startswith("tests/test_z.py") for test in matrix.tests)


async def test_a_test_of_what_only_the_patch_brings_speaks_though_the_base_cannot_import_it(scene):
    new_name = scene.candidate(
        "new",
        {
            "calc/__init__.py": FIXED + b"\n\nlimit = clamp\n",
            "tests/test_new.py": b"from calc import limit\ndef test_l():\n    assert limit(5, 0, 9) == 5\n",
        },
    )
    _, matrix, chosen = await judged(scene, [new_name])
    assert [(test.target, matrix.outcome(test.id, BASE)) for test in speaking(matrix)] == [
        ("tests/test_new.py::test_l", E)
    ]
    assert chosen.winner == new_name.id
    assert "only tests of its own authors" in chosen.reason


CHANCE = b"""
import os
import pytest

@pytest.mark.parametrize("coin", range(24))
def test_chance(coin):
    assert os.urandom(1)[0] % 2
"""


async def test_tests_that_are_a_game_of_chance_are_quarantined(scene):
    right = scene.candidate("right", {"calc/__init__.py": FIXED, "tests/test_chance.py": CHANCE})
    clusters = await cluster(scene.base, [right])
    matrix = await run_matrix(scene.task, scene.base, [right], clusters)
    assert len(matrix.tests) == 24
    assert matrix.quarantined
    assert not {test.id for test in speaking(matrix)} & set(matrix.quarantined)


TWO_FACED = """\
diff --git a/calc/extra.py b/calc/extra.py
+++ b/tests/test_calc.py
deleted file mode 100644
--- a/tests/test_calc.py
+++ /dev/null
@@ -1,5 +0,0 @@
-from calc import clamp
-
-
-def test_low():
-    assert clamp(-1, 0, 9) == 0
"""


async def test_a_patch_that_hides_which_file_it_changes_does_not_apply(scene):
    honest = "diff --git a/calc/extra.py b/calc/extra.py\n"
    faces = [
        TWO_FACED,
        honest + "+++ b/tests/test_calc.py\nsimilarity index 100%\ndeleted file mode 100644\n",
        honest + "--- a/calc/extra.py\n+++ b/tests/test_calc.py\n@@ -1 +1 @@\n-def double(x):\n+def d(x):\n",
    ]
    pool = [candidate_from_diff(face, origin=str(n), base=scene.tree) for n, face in enumerate(faces)]
    clusters = await cluster(scene.base, pool)
    assert clusters.members == {}
    assert all(one.id in clusters.failed or not one.patch for one in pool)
    assert clusters.failed[pool[1].id] == "its headers disagree about the file they patch: tests/test_calc.py"


async def test_a_patch_with_blanks_that_git_warns_of_applies(scene):
    untidy = FIXED + b"\n\ndef half(x):   \n \treturn x / 2\n\n\n"
    clusters = await cluster(scene.base, [scene.candidate("untidy", {"calc/__init__.py": untidy})])
    assert clusters.failed == {}
    assert len(clusters.members) == 1


async def test_order_changes_nothing(scene):
    pool = [
        scene.candidate("right", {"calc/__init__.py": FIXED, "tests/test_a.py": ISSUE_TEST}),
        scene.candidate(
            "none", {"calc/__init__.py": BUGGY + b"X = 1\n", "tests/test_a.py": ISSUE_TEST + b"\nY = 1\n"}
        ),
        scene.candidate("blank", {}),
    ]
    first = await judged(scene, pool, parallel=3, targets=["tests/test_calc.py"])
    random.Random(1).shuffle(pool)
    second = await judged(scene, pool, parallel=1, targets=["tests/test_calc.py"])
    assert first[0] == second[0]
    assert first[1].outcomes == second[1].outcomes
    assert first[1].tests == second[1].tests
    assert first[2] == second[2]


class StoppingCells(MemoryCells):
    """Finds the disk full after so many cells."""

    def __init__(self, after):
        super().__init__()
        self.after = after
        self.keys = []

    async def put(self, key, value):
        await super().put(key, value)
        self.keys.append(key)
        self.after -= 1
        if self.after == 0:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("after", range(1, 7))
async def test_a_run_stopped_after_any_cell_goes_on_where_it_was(scene, after):
    right = scene.candidate("right", {"calc/__init__.py": FIXED, "tests/test_a.py": ISSUE_TEST})
    cells = StoppingCells(after)
    with pytest.raises(ExceptionGroup) as stopped:
        await judged(scene, [right], cells=cells, parallel=1, targets=["tests/test_calc.py"])
    assert stopped.value.subgroup(OSError) is not None
    _, matrix, chosen = await judged(scene, [right], cells=cells, parallel=1, targets=["tests/test_calc.py"])
    assert chosen.winner == right.id
    assert len(cells.keys) == len(set(cells.keys)) == 6
    _, again, same = await judged(scene, [right], cells=cells, parallel=1, targets=["tests/test_calc.py"])
    assert (again, same, len(cells.keys)) == (matrix, chosen, 6)


async def test_the_base_is_left_as_it_was(scene):
    messy = b"import pathlib\n\ndef test_mess():\n    pathlib.Path('left.py').write_text('x')\n    assert 0\n"
    looks = b"import pathlib\n\n\ndef test_looks():\n    assert not pathlib.Path('left.py').exists()\n"
    pool = [
        scene.candidate("a", {"calc/__init__.py": FIXED, "tests/test_mess.py": messy}),
        scene.candidate("b", {"calc/__init__.py": FIXED, "tests/test_sees.py": looks}),
    ]
    clusters, matrix, _ = await judged(scene, pool, parallel=1)
    assert await scene.base.diff() == ""
    assert outcomes(matrix, "tests/test_sees.py::test_looks", clusters.key_of(pool[0].id)) == {P}


async def test_nothing_to_test_is_a_matrix_too(scene):
    for pool in ([], [scene.candidate("blank", {})]):
        _, matrix, chosen = await judged(scene, pool, targets=())
        assert (matrix.tests, matrix.rows, chosen.winner) == ((), (), None)


async def test_existing_tests_are_those_near_the_change(scene):
    assert await existing_tests(scene.base, ["calc/extra.py"]) == (
        "tests/test_extra.py",
        "tests/test_calc.py",
    )
    assert (await existing_tests(scene.base, ["calc/__init__.py"]))[0] == "tests/test_calc.py"
    assert await existing_tests(scene.base, ["calc/__init__.py"], limit=1) == ("tests/test_calc.py",)
    assert await existing_tests(scene.base, []) == ()
    assert await existing_tests(scene.base, ["README.md"]) == ()


def test_a_silent_run_is_never_a_pass():
    asked = "tests/test_a.py::test_x"
    assert Cell().outcome(asked)[0] is Outcome.MISSING
    assert Cell(status=Status.TIMED_OUT).outcome(asked)[0] is Outcome.TIMED_OUT
    assert Cell(status=Status.KILLED, exit_code=-9).outcome(asked)[0] is Outcome.ERROR
    assert Cell(exit_code=4).outcome(asked)[0] is Outcome.ERROR
    assert Cell(trouble="gone").outcome(asked)[0] is Outcome.MISSING
    assert Cell(trouble="no", applied=False).outcome(asked)[0] is Outcome.NOT_APPLIED
    assert Cell(outcomes={"tests/test_a.py": E}, exit_code=2).outcome(asked)[0] is E
    assert Cell(outcomes={"tests/test_a.py": P}).outcome(asked)[0] is Outcome.MISSING
    assert Cell(outcomes={"tests/test_a.py": Outcome.SKIPPED}).outcome(asked)[0] is Outcome.SKIPPED
