"""The test matrix: generated tests and existing tests near the change, on the base and on every cluster."""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from envs.outcomes import Outcome
from envs.task import PublicTask
from sandbox.base import Sandbox, SandboxError
from selection.candidate import Candidate, DroppedEdit, TestFile
from selection.cells import Cell, CellStore, MemoryCells
from selection.clusters import Clusters
from selection.normalise import normal_text
from selection.row import Batch, Bench, Row
from selection.warm import WarmRoom

BASE = "base"
"""The row of the untouched repository."""


@dataclass(frozen=True, slots=True)
class TestCase:
    """One test, a column of the matrix.

    `target` is its pytest node id. `file` is the generated file it lies in, None for a test of the
    repository; `authors` are the candidates that wrote this file or one of the same content.
    """

    __test__ = False

    id: str
    file: TestFile | None
    target: str
    authors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TestMatrix:
    """What every test did in every row.

    `rows` are cluster keys; the base has its own row `BASE` beside them. A test whose two runs on the base
    differ is in `quarantined` and decides nothing. `refused` are generated files that were not run, and why.
    """

    __test__ = False

    tests: tuple[TestCase, ...] = ()
    rows: tuple[str, ...] = ()
    outcomes: Mapping[tuple[str, str], Outcome] = field(default_factory=dict)
    messages: Mapping[tuple[str, str], str] = field(default_factory=dict)
    quarantined: tuple[str, ...] = ()
    refused: tuple[DroppedEdit, ...] = ()

    def outcome(self, test: str, row: str) -> Outcome:
        """Return what a test did in a row; what was never run is missing."""
        return self.outcomes.get((test, row), Outcome.MISSING)

    def message(self, test: str, row: str) -> str:
        """Return the first line of why a test did not pass in a row, empty where none is known."""
        return self.messages.get((test, row), "")

    def passes(self, test: str, row: str) -> bool:
        """Whether a test passed in a row; nothing else than a reported pass is one."""
        return self.outcome(test, row) is Outcome.PASSED

    def without(self, tests: Collection[str]) -> TestMatrix:
        """Return the matrix as it would be had some tests not been run."""
        return replace(self, tests=tuple(test for test in self.tests if test.id not in tests))

    @property
    def generated(self) -> tuple[TestCase, ...]:
        """The tests that somebody wrote for the issue."""
        return tuple(test for test in self.tests if test.file is not None)

    @property
    def existing(self) -> tuple[TestCase, ...]:
        """The tests of the repository."""
        return tuple(test for test in self.tests if test.file is None)


def generated_case(file: TestFile, target: str, authors: tuple[str, ...]) -> TestCase:
    """Return the column of a generated test; files of the same path stay apart by their content."""
    digest = hashlib.sha256(file.content.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return TestCase(f"{digest}:{target}", file, target, authors)


async def run_matrix(
    task: PublicTask,
    base: Sandbox,
    candidates: Sequence[Candidate],
    clusters: Clusters,
    *,
    tests: Sequence[TestFile] = (),
    regressions: Sequence[Sequence[str]] = (),
    cells: CellStore | None = None,
    parallel: int = 2,
    timeout: float = 120.0,  # noqa: ASYNC109 (seconds one test run may take)
    budget: float = math.inf,
    place: str = "",
) -> TestMatrix:
    """Run every generated test and the existing tests near the change on the base and on every cluster.

    A row is one warm room: a fork of the base with the patch of the cluster's representative applied,
    brought back to that state, and checked, between runs, so that none sees what another left behind. The
    base runs twice.

    Args:
        task: whose tests these are.
        base: the untouched repository; it is forked and never changed.
        candidates: the authors of the patches and of the tests.
        clusters: which of them make the same program.
        tests: files of authors who bring no candidate.
        regressions: existing test files, as the test command takes them, the nearest first; those of one
            batch run together.
        cells: finished cells of an earlier run, and where new ones go.
        parallel: how many rows, and so rooms, are at work at one time.
        timeout: seconds one test run may take.
        budget: seconds that the existing tests may take on the base; batches beyond it are not run anywhere.
        place: names the image, tree and limits of the base: cells of another place are not taken for these.

    Raises:
        SandboxError: the base, or every cluster, cannot be tested; finished cells are kept. A cluster that
            alone cannot be tested has no row.
    """
    files, refused = await _files(base, [*(file for one in candidates for file in one.tests), *tests])
    written = tuple(files)
    patches = {one.id: one.patch for one in candidates}
    store = cells if cells is not None else MemoryCells()
    bench = Bench(task, base, store, asyncio.Semaphore(parallel), timeout, place)
    untouched = WarmRoom(base, "")
    first, again = Row(bench, "", turn=1, room=untouched), Row(bench, "", turn=2, room=untouched)
    rows = {key: Row(bench, patches[ids[0]]) for key, ids in clusters.members.items()}
    batches = tuple(tuple(batch) for batch in regressions if batch)
    worth: asyncio.Future[Sequence[Batch]] = asyncio.get_running_loop().create_future()

    async def run_base() -> None:
        """Run the base twice and tell the other rows which of the existing tests pass on it."""
        async with bench.slots:
            try:
                await first.run_files(written)
                await first.run_existing(batches, budget)
                worth.set_result(first.batches_worth_running())
                await again.run_files(written)
                await again.run_existing(tuple(first.existing))
            finally:
                await asyncio.shield(untouched.close())

    async def run_row(row: Row) -> None:
        async with bench.slots:
            try:
                await row.run_files(written)
                await row.run_existing(await worth)
            finally:
                await asyncio.shield(row.room.close())

    async with asyncio.TaskGroup() as group:
        group.create_task(run_base())
        for row in rows.values():
            group.create_task(run_row(row))
    _require_tested(first, again)
    tested = {key: row for key, row in rows.items() if not _trouble(row)}
    if not tested:
        _require_tested(*rows.values())
    late = tuple(
        DroppedEdit(one, "the time for existing tests was used up") for one in _unrun(batches, first)
    )
    return _assemble(files, first, again, tested, (*refused, *late))


def _unrun(batches: Sequence[Batch], row: Row) -> list[str]:
    """Return the existing test files that a row had no time for."""
    ran = {target for batch in row.existing for target in batch}
    return [target for batch in batches for target in batch if target not in ran]


def _require_tested(*rows: Row) -> None:
    """Stop when a row could not be tested: a fault of the sandbox must not look like a failing test."""
    for row in rows:
        if trouble := _trouble(row):
            raise SandboxError(f"the tests could not be run: {trouble}; try again with --resume")


def _trouble(row: Row) -> str:
    """Return why a row could not be tested, empty where it was; a file without a place is no such reason."""
    return next((cell.trouble for cell in row.cells() if cell.trouble and cell.applied), "")


async def _files(
    base: Sandbox, written: Sequence[TestFile]
) -> tuple[dict[TestFile, tuple[str, ...]], tuple[DroppedEdit, ...]]:
    """Return the distinct generated files with their authors, and those that would hide a file of the base.

    Files of one folder that differ only in name, comments or layout are one test and run once.
    """
    alike: dict[tuple[str, str], list[TestFile]] = {}
    for file in written:
        folder = file.path.rpartition("/")[0]
        content = file.content.encode("utf-8", "surrogateescape")
        alike.setdefault((folder, normal_text(file.path, content)), []).append(file)
    chosen: dict[TestFile, tuple[str, ...]] = {}
    for group in alike.values():
        first = min(group, key=lambda file: (file.path, file.content, file.author))
        chosen[first] = tuple(sorted({file.author for file in group}))
    taken = await _existing(base, sorted({file.path for file in chosen}))
    refused = [DroppedEdit(path, "the repository has a file of that name") for path in sorted(taken)]
    files = {file: chosen[file] for file in sorted(chosen, key=lambda one: (one.path, one.content))}
    return {file: authors for file, authors in files.items() if file.path not in taken}, tuple(refused)


async def _existing(base: Sandbox, paths: Sequence[str]) -> set[str]:
    if not paths:
        return set()
    script = 'for path in "$@"; do if [ -e "$path" ] || [ -L "$path" ]; then printf "%s\\0" "$path"; fi; done'
    result = await base.exec(["/bin/sh", "-c", script, "sh", *paths])
    if not result.ok:
        raise SandboxError(f"the base cannot be read: {result.text[-200:].strip()}")
    return set(result.text.split("\0")) - {""}


def _assemble(
    files: Mapping[TestFile, tuple[str, ...]],
    first: Row,
    again: Row,
    rows: Mapping[str, Row],
    refused: tuple[DroppedEdit, ...],
) -> TestMatrix:
    """Return the matrix of all rows; its columns are the tests that any row reported."""
    everyone = {BASE: first, **rows}
    columns: list[tuple[TestCase, TestFile | None]] = []
    for file, authors in files.items():
        names = _names([row.generated[file] for row in (*everyone.values(), again)], file.path)
        columns += [(generated_case(file, name, authors), file) for name in names]
    known = sorted(
        {
            name
            for cell in (*first.existing.values(), *again.existing.values())
            for name in cell.outcomes
            if "::" in name
        }
    )
    columns += [(TestCase(name, None, name), None) for name in known]
    outcomes: dict[tuple[str, str], Outcome] = {}
    messages: dict[tuple[str, str], str] = {}
    quarantined: list[str] = []
    for case, place in columns:
        for key, row in everyone.items():
            outcomes[case.id, key], messages[case.id, key] = row.outcome(case.target, place)
        if again.outcome(case.target, place)[0] is not outcomes[case.id, BASE]:
            quarantined.append(case.id)
    tests = tuple(case for case, _ in columns)
    return TestMatrix(tests, tuple(rows), outcomes, messages, tuple(quarantined), refused)


def _names(runs: Sequence[Cell], path: str) -> list[str]:
    """Return the tests of a file: what any run reported, the file itself where none could read it."""
    names = {name for run in runs for name in run.outcomes if name != path}
    return sorted(names) or [path]
