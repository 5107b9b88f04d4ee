"""One row of the test matrix: one patch, every test run against it in a fork of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from envs.outcomes import Outcome
from envs.task import PublicTask
from envs.testrun import run_tests
from sandbox.base import PatchError, Sandbox, SandboxError, SandboxFileError, Status
from selection.candidate import TestFile
from selection.cells import Cell, CellStore, cell_key, cell_of

Batch = tuple[str, ...]
"""Existing test files that are run together."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all rows share: the task, the base, the finished cells, and how much may run at one time."""

    task: PublicTask
    base: Sandbox
    cells: CellStore
    slots: asyncio.Semaphore
    timeout: float


class Row:
    """What the tests do with one patch; `turn` tells equal runs of the same patch apart."""

    def __init__(self, bench: Bench, patch: str, turn: int = 1) -> None:
        self.generated: dict[TestFile, Cell] = {}
        self.existing: dict[Batch, Cell] = {}
        self._bench = bench
        self._patch = patch
        self._turn = turn
        self._room: Sandbox | None = None
        self._generation = 0
        self._opening = asyncio.Lock()

    async def run(self, files: Sequence[TestFile], batches: Sequence[Batch]) -> None:
        """Run each generated file by itself, and the existing tests batch by batch.

        Args:
            files: generated test files.
            batches: existing test files, those of a batch in one run.
        """
        try:
            async with asyncio.TaskGroup() as group:
                for file in files:
                    group.create_task(self._run_file(file))
                group.create_task(self._run_existing(batches))
        finally:
            if self._room is not None:
                await asyncio.shield(self._room.close())
                self._room = None

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

    async def _run_file(self, file: TestFile) -> None:
        self.generated[file] = await self._cell(file, (file.path,))

    async def _run_existing(self, batches: Sequence[Batch]) -> None:
        """Run batches; one that hangs or crashes is told apart file by file.

        A patch with which one file alone runs out of time is not given the time of the others: they count
        as out of time with the batch.
        """
        for batch in batches:
            cell = await self._cell(None, batch)
            if not cell.orderly and len(batch) > 1:
                await self._run_existing([(target,) for target in batch])
                continue
            self.existing[batch] = cell
            if self._patch and cell.status is Status.TIMED_OUT:
                return

    async def _cell(self, file: TestFile | None, targets: tuple[str, ...]) -> Cell:
        """Return a cell: the finished one where the store has it, else a run's, kept before it is used."""
        bench = self._bench
        key = cell_key(
            bench.task.base_commit,
            self._patch,
            file,
            targets,
            bench.task.test_runner,
            bench.timeout,
            self._turn,
        )
        known = bench.cells.get(key)
        if known is not None:
            return Cell.model_validate(known)
        async with bench.slots:
            cell = await self._run_twice_if_the_sandbox_fails(file, targets)
        if not cell.trouble or not cell.applied:
            await bench.cells.put(key, cell.model_dump(mode="json"))
        return cell

    async def _run_twice_if_the_sandbox_fails(self, file: TestFile | None, targets: tuple[str, ...]) -> Cell:
        generation = self._generation
        try:
            return await self._run(file, targets)
        except PatchError as error:
            return Cell(applied=False, trouble=f"does not apply: {error}")
        except SandboxError:
            await self._forget_room(generation)
        try:
            return await self._run(file, targets)
        except SandboxError as error:
            return Cell(trouble=f"the sandbox failed twice: {error}")

    async def _run(self, file: TestFile | None, targets: tuple[str, ...]) -> Cell:
        async with self._fork() as box:
            if file is not None:
                try:
                    await box.write(file.path, file.content.encode("utf-8", "surrogateescape"))
                except SandboxFileError as error:
                    return Cell(applied=False, trouble=f"the test file cannot be put in place: {error}")
            run = await run_tests(box, self._bench.task.test_runner, targets, timeout=self._bench.timeout)
        return cell_of(run)

    @asynccontextmanager
    async def _fork(self) -> AsyncIterator[Sandbox]:
        """Fork the row's room, which is opened, with the patch applied, when first needed.

        The fork is made under the lock, so that nobody closes the room meanwhile.
        """
        async with self._opening:
            if self._room is None:
                room = await self._bench.base.fork()
                try:
                    if self._patch:
                        await room.apply_patch(self._patch)
                except BaseException:
                    await asyncio.shield(room.close())
                    raise
                self._room = room
            box = await self._room.fork()
        try:
            yield box
        finally:
            await asyncio.shield(box.close())

    async def _forget_room(self, generation: int) -> None:
        """Close the row's room, unless another run that failed has done so already."""
        async with self._opening:
            if generation != self._generation:
                return
            self._generation += 1
            room, self._room = self._room, None
        if room is not None:
            await asyncio.shield(room.close())
