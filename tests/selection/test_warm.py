"""Warm rooms: one fork a row, restored between runs; and how much existing tests may take."""

from __future__ import annotations

import pytest

from envs.outcomes import Outcome
from sandbox.base import PatchError, SandboxError
from selection.cells import MemoryCells, cell_key
from selection.clusters import cluster
from selection.excused import excused_tests
from selection.matrix import BASE, run_matrix
from selection.warm import WarmRoom
from tests.selection.test_matrix import BUGGY, FIXED, ISSUE_TEST


class Watched:
    """A sandbox that counts what is done to it and to its forks, and whose restoring can fail."""

    def __init__(self, inner, counts, broken=()):
        self._inner = inner
        self.counts = counts
        self._broken = broken

    def __getattr__(self, name):
        return getattr(self._inner, name)

    async def fork(self):
        self.counts["forks"] += 1
        return Watched(await self._inner.fork(), self.counts, self._broken)

    async def restore(self, snapshot):
        self.counts["restores"] += 1
        if self.counts["restores"] in self._broken:
            raise SandboxError("the files did not come back")
        await self._inner.restore(snapshot)


def watched(scene, *broken):
    return Watched(scene.base, {"forks": 0, "restores": 0}, broken)


async def test_a_room_is_as_the_patch_left_it_for_every_run(scene):
    right = scene.candidate("right", {"calc/__init__.py": FIXED})
    base = watched(scene)
    room = WarmRoom(base, right.patch)
    for _ in range(3):
        async with room.clean() as box:
            assert await box.read("calc/__init__.py") == FIXED
            assert not (await box.exec("ls left /tmp/left")).ok
            await box.exec("touch left /tmp/left; echo x > calc/__init__.py; sleep 60 &")
    await room.close()
    assert base.counts == {"forks": 1, "restores": 2}


async def test_a_room_that_cannot_be_restored_is_left_for_a_new_fork(scene):
    base = watched(scene, 1)
    room = WarmRoom(base, "")
    for _ in range(3):
        async with room.clean() as box:
            assert not (await box.exec("ls left")).ok
            await box.exec("touch left")
    assert base.counts == {"forks": 2, "restores": 2}
    with pytest.raises(SandboxError, match="of the run"):
        async with room.clean():
            raise SandboxError("of the run")
    async with room.clean() as box:
        assert (await box.exec("true")).ok
    assert base.counts["forks"] == 3
    with pytest.raises(PatchError):
        async with WarmRoom(base, "no patch\n").clean():
            pass


async def test_a_row_takes_one_fork_however_many_tests(scene):
    tests = {f"tests/test_n{n}.py": ISSUE_TEST + b"\nN = %d\n" % n for n in range(4)}
    right = scene.candidate("right", {"calc/__init__.py": FIXED} | tests)
    wrong = scene.candidate("wrong", {"calc/__init__.py": BUGGY + b"X = 1\n"})
    clusters = await cluster(scene.base, [right, wrong])
    base = watched(scene)
    regressions = [["tests/test_calc.py"], ["tests/test_extra.py"]]
    matrix = await run_matrix(scene.task, base, [right, wrong], clusters, regressions=regressions)
    assert base.counts["forks"] == 3
    assert len(matrix.generated) == 8
    row = clusters.key_of(right.id)
    assert all(matrix.passes(test.id, row) for test in matrix.tests)


async def test_existing_tests_run_while_there_is_time(scene):
    right = scene.candidate("right", {"calc/__init__.py": FIXED})
    clusters = await cluster(scene.base, [right])
    batches = [["tests/test_calc.py"], ["tests/test_extra.py"], ["tests/test_far.py"]]
    cells = MemoryCells()
    for _ in range(2):  # the second time from cells that are there
        matrix = await run_matrix(
            scene.task, scene.base, [right], clusters, regressions=batches, cells=cells, budget=0.001
        )
        assert [test.target for test in matrix.existing] == ["tests/test_calc.py::test_low"]
        assert [(one.path, one.reason) for one in matrix.refused] == [
            (path, "the time for existing tests was used up")
            for path in ("tests/test_extra.py", "tests/test_far.py")
        ]
    assert len(cells) == 3


def test_the_key_of_a_cell_holds_all_that_decides_it():
    one = {"base_commit": "c", "patch": "p", "file": None, "targets": ("t",), "runner": "r"}
    one |= {"timeout": 1.0, "turn": 1, "place": "image and limits"}
    others = {"base_commit": "d", "patch": "q", "targets": ("u",), "runner": "s", "timeout": 2.0, "turn": 2}
    keys = {cell_key(**one)} | {cell_key(**(one | {name: value})) for name, value in others.items()}
    assert len(keys | {cell_key(**(one | {"place": "another image"}))}) == len(others) + 2


async def test_an_existing_test_that_all_programs_break_guards_nothing(scene):
    brings = {"tests/test_a.py": ISSUE_TEST}
    pool = [
        scene.candidate(
            str(n), {"calc/__init__.py": FIXED.replace(b"return low", b"return low + %d" % n)} | brings
        )
        for n in (1, 2, 3)
    ]
    clusters = await cluster(scene.base, pool)
    matrix = await run_matrix(scene.task, scene.base, pool, clusters, regressions=[["tests/test_calc.py"]])
    test = "tests/test_calc.py::test_low"
    assert matrix.outcome(test, BASE) is Outcome.PASSED
    assert set(excused_tests(clusters, matrix)) == {test}
    assert matrix.without({test}).existing == ()
    two = await run_matrix(
        scene.task,
        scene.base,
        pool,
        type(clusters)(dict(list(clusters.members.items())[:2])),
        regressions=[["tests/test_calc.py"]],
    )
    assert excused_tests(clusters, two) == {}
