"""From candidates to a decision: clusters, the test matrix, votes, the rule."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from envs.regressions import existing_tests
from envs.task import PublicTask
from runs.base_room import BaseRoom
from runs.decision import Decision, decision_of
from runs.journal import Journal
from runs.pool import Pool
from runs.progress import Listener
from runs.reading import read_candidates_of
from runs.recipe import Recipe
from sandbox.base import Sandbox
from selection.clusters import Clusters, cluster, touched
from selection.evidence import Evidence
from selection.matrix import TestMatrix, run_matrix
from selection.select import select
from selection.verdict import Selection, Verdict


class JournalCells:
    """The cells of the test matrix as events `cell` of a journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._cells = {event.data["key"]: event.data["cell"] for event in journal.of("cell")}

    def get(self, key: str) -> Mapping[str, Any] | None:
        """See `selection.cells.CellStore.get`."""
        return self._cells.get(key)

    async def put(self, key: str, value: Mapping[str, Any]) -> None:
        """See `selection.cells.CellStore.put`."""
        await self._journal.append("cell", {"key": key, "cell": dict(value)})
        self._cells[key] = value


def recorded_decision(journal: Journal) -> Decision | None:
    """Return the decision a journal holds, None where there is none yet."""
    recorded = journal.last("decision")
    return Decision.model_validate(recorded) if recorded is not None else None


@dataclass(frozen=True, slots=True)
class Judged:
    """A pool with all that the tests say of it."""

    pool: Pool
    clusters: Clusters
    matrix: TestMatrix
    selection: Selection

    def evidence(self, task: PublicTask) -> Evidence:
        """Return all of it as evidence for readers and rules."""
        return Evidence(
            task.instance_id,
            task.repo,
            task.problem_statement,
            self.pool.candidates,
            self.clusters,
            self.matrix,
        )

    def with_verdicts(self, verdicts: tuple[Verdict, ...]) -> Judged:
        """Return the same with what readers say beside what the tests say."""
        known = replace(self.selection, verdicts=(*self.selection.verdicts, *verdicts))
        return replace(self, selection=known)


async def look(task: PublicTask, room: BaseRoom, pool: Pool, recipe: Recipe, journal: Journal) -> Judged:
    """Test what is there and apply the rule, deciding nothing; no test is run twice, now or later.

    Raises:
        SandboxError: the base cannot be tested; every finished cell is kept.
    """
    base = await room.base()
    parallel = max(2, os.cpu_count() or 2)
    clusters = await cluster(base, pool.candidates, parallel=parallel)
    matrix = await run_matrix(
        task,
        base,
        pool.candidates,
        clusters,
        tests=pool.tests,
        regressions=await _regressions(base, pool, journal),
        cells=JournalCells(journal),
        parallel=parallel,
        timeout=recipe.test_seconds,
    )
    return Judged(pool, clusters, matrix, select(pool.candidates, clusters, matrix))


async def judge(
    task: PublicTask, room: BaseRoom, pool: Pool, recipe: Recipe, journal: Journal, listen: Listener
) -> Decision:
    """Return the decision over the candidates, and record it.

    Raises:
        SandboxError: the base cannot be tested; every finished cell is kept.
        UsageError: a reader's text cannot be read.
    """
    judged = await look(task, room, pool, recipe, journal)
    reading = await read_candidates_of(
        task, await room.base(), judged.evidence(task), recipe, journal, JournalCells(journal), listen
    )
    if reading.tests:
        pool = replace(pool, tests=(*pool.tests, *reading.tests))
        judged = await look(task, room, pool, recipe, journal)
    judged = judged.with_verdicts(reading.evidence.verdicts)
    decision = decision_of(pool.candidates, judged.clusters, judged.matrix, judged.selection)
    await journal.append("decision", decision.model_dump(mode="json"))
    return decision


async def _regressions(base: Sandbox, pool: Pool, journal: Journal) -> list[list[str]]:
    """Return the existing tests to run: the batches of earlier looks as they were, and one of what is new.

    A batch that grew would have to be run again with every patch.
    """
    batches = [list(event.data["targets"]) for event in journal.of("regressions")]
    known = {target for batch in batches for target in batch}
    paths = sorted({path for one in pool.candidates for path in touched(one.patch)})
    new = [target for target in await existing_tests(base, paths) if target not in known]
    if new:
        await journal.append("regressions", {"targets": new})
        batches.append(new)
    return batches
