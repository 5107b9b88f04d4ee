"""One row of the test matrix: one patch in a warm room, and every test run against it there."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from envs.outcomes import Outcome, TestRun
from envs.task import PublicTask
from envs.testrun import run_tests
from envs.together import run_each
from sandbox.base import PatchError, Sandbox, SandboxError, SandboxFileError, Status
from selection.candidate import TestFile
from selection.cells import Cell, CellStore, cell_key, cell_of
from selection.warm import WarmRoom

Batch = tuple[str, ...]
"""Existing test files that are run together."""
MOST_TOGETHER = 16
"""Generated files in one start of pytest: as many cells can be lost when a run is interrupted."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all rows share: the task, the base, the finished cells, and how much may run at one time.

    `place` names the image, tree and limits of the base, which decide what a cell holds as the patch does.
    """

    task: PublicTask
    base: Sandbox
    cells: CellStore
    slots: asyncio.Semaphore
    timeout: float
    place: str = ""


class Row:
    """What the tests do with one patch; `turn` tells equal runs of the same patch apart."""

    def __init__(self, bench: Bench, patch: str, turn: int = 1, room: WarmRoom | None = None) -> None:
        self.generated: dict[TestFile, Cell] = {}
        self.existing: dict[Batch, Cell] = {}
        self.room = room or WarmRoom(bench.base, patch)
        self._bench = bench
        self._patch = patch
        self._turn = turn

    async def run_files(self, files: Sequence[TestFile]) -> None:
        """Run each generated file by itself; those of one folder share a start of pytest."""
        unknown = []
        for file in files:
            if (known := self._known(file, (file.path,))) is not None:
                self.generated[file] = known
            else:
                unknown.append(file)
        for group in _groups(unknown):
            for file in await self._run_together(group):
                if file not in self.generated:
                    self.generated[file] = await self._cell(file, (file.path,))

    async def run_existing(self, batches: Sequence[Batch], budget: float = math.inf) -> None:
        """Run batches of existing tests; one that hangs or crashes is told apart file by file.

        A patch with which one file alone runs out of time is not given the time of the others: they count
        as out of time with the batch.

        Args:
            batches: existing test files, those of a batch in one run.
            budget: seconds of all runs together; what has not begun by then is not run.
        """
        waiting = list(reversed(batches))
        while waiting and budget > 0:
            batch = waiting.pop()
            cell = await self._cell(None, batch)
            budget -= cell.seconds
            if not cell.orderly and len(batch) > 1:
                waiting += [(target,) for target in reversed(batch)]
                continue
            self.existing[batch] = cell
            if self._patch and cell.status is Status.TIMED_OUT:
                return

    def outcome(self, test: str, file: TestFile | None) -> tuple[Outcome, str]:
        """Return what a test did here, and why; `file` is the generated file it lies in."""
        if file is not None:
            return self.generated[file].outcome(test)
        path = test.split("::", 1)[0]
        cell = next((cell for batch, cell in self.existing.items() if path in batch), None)
        cell = cell or next((cell for cell in self.existing.values() if not cell.orderly), None)
        return cell.outcome(test) if cell else (Outcome.MISSING, "it was not run")

    def cells(self) -> tuple[Cell, ...]:
        """Return every cell of the row."""
        return (*self.generated.values(), *self.existing.values())

    def batches_worth_running(self) -> tuple[Batch, ...]:
        """Return the batches that ran here, less the files in which nothing passes."""
        found = []
        for batch, cell in self.existing.items():
            passing = {test.split("::", 1)[0] for test, one in cell.outcomes.items() if one is Outcome.PASSED}
            found.append(tuple(target for target in batch if target in passing))
        return tuple(batch for batch in found if batch)

    async def _run_together(self, group: Sequence[TestFile]) -> Sequence[TestFile]:
        """Run files of one folder in as few starts as their traces allow; return those to run alone.

        A start that answers for none of them says that this patch or runner cannot share one.
        """
        waiting = list(group)
        alone: list[TestFile] = []
        while len(waiting) > 1:
            runs = await self._start_together(waiting)
            for file in waiting:
                if file.path in runs:
                    self.generated[file] = await self._keep(cell_of(runs[file.path]), file, (file.path,))
            left = [file for file in waiting if file.path not in runs]
            if len(left) == len(waiting):
                return [*alone, *left]
            if left and left[0] is waiting[0]:  # it crashed, and those behind it may have run
                alone.append(left.pop(0))
            waiting = left
        return [*alone, *waiting]

    async def _start_together(self, files: Sequence[TestFile]) -> dict[str, TestRun]:
        bench = self._bench
        texts = [(file.path, file.content) for file in files]
        try:
            async with self.room.clean() as box:
                return dict(await run_each(box, bench.task.test_runner, texts, timeout=bench.timeout))
        except SandboxError:
            return {}  # what is wrong will be told when they run alone

    def _known(self, file: TestFile | None, targets: Batch) -> Cell | None:
        known = self._bench.cells.get(self._key(file, targets))
        return None if known is None else Cell.model_validate(known)

    async def _cell(self, file: TestFile | None, targets: Batch) -> Cell:
        """Return a cell: the finished one where the store has it, else a run's, kept before it is used."""
        known = self._known(file, targets)
        if known is not None:
            return known
        return await self._keep(await self._run_twice_if_the_sandbox_fails(file, targets), file, targets)

    async def _keep(self, cell: Cell, file: TestFile | None, targets: Batch) -> Cell:
        if not cell.trouble or not cell.applied:
            await self._bench.cells.put(self._key(file, targets), cell.model_dump(mode="json"))
        return cell

    def _key(self, file: TestFile | None, targets: Batch) -> str:
        bench = self._bench
        runner, timeout = bench.task.test_runner, bench.timeout
        base = bench.task.base_commit
        return cell_key(base, self._patch, file, targets, runner, timeout, self._turn, bench.place)

    async def _run_twice_if_the_sandbox_fails(self, file: TestFile | None, targets: Batch) -> Cell:
        try:
            return await self._run(file, targets)
        except PatchError as error:
            return Cell(applied=False, trouble=f"does not apply: {error}")
        except SandboxError:
            pass
        try:
            return await self._run(file, targets)
        except SandboxError as error:
            return Cell(trouble=f"the sandbox failed twice: {error}")

    async def _run(self, file: TestFile | None, targets: Batch) -> Cell:
        async with self.room.clean() as box:
            if file is not None:
                try:
                    await box.write(file.path, file.content.encode("utf-8", "surrogateescape"))
                except SandboxFileError as error:
                    return Cell(applied=False, trouble=f"the test file cannot be put in place: {error}")
            run = await run_tests(box, self._bench.task.test_runner, targets, timeout=self._bench.timeout)
        return cell_of(run)


def _groups(files: Iterable[TestFile]) -> list[list[TestFile]]:
    """Return files in groups of one folder and of different paths, so large as may share a start."""
    groups: list[list[TestFile]] = []
    for file in files:
        folder = file.path.rpartition("/")[0]
        fitting = (
            group
            for group in groups
            if group[0].path.rpartition("/")[0] == folder
            and len(group) < MOST_TOGETHER
            and all(one.path != file.path for one in group)
        )
        group = next(fitting, None)
        if group is None:
            groups.append([file])
        else:
            group.append(file)
    return groups
