"""From candidates to a decision: clusters, the test matrix, votes, the rule."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from envs.regressions import existing_tests
from envs.task import PublicTask
from runs.base_room import BaseRoom
from runs.decision import Decision, decision_of
from runs.journal import Journal
from runs.recipe import Recipe
from selection.candidate import Candidate
from selection.clusters import cluster, touched
from selection.matrix import run_matrix
from selection.select import select


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


async def judge(
    task: PublicTask, room: BaseRoom, candidates: Sequence[Candidate], recipe: Recipe, journal: Journal
) -> Decision:
    """Return the decision over the candidates, and record it.

    Raises:
        SandboxError: the base cannot be tested; every finished cell is kept.
    """
    base = await room.base()
    parallel = max(2, os.cpu_count() or 2)
    clusters = await cluster(base, candidates, parallel=parallel)
    paths = sorted({path for one in candidates for path in touched(one.patch)})
    matrix = await run_matrix(
        task,
        base,
        candidates,
        clusters,
        regression_targets=await existing_tests(base, paths),
        cells=JournalCells(journal),
        parallel=parallel,
        timeout=recipe.test_seconds,
    )
    decision = decision_of(candidates, clusters, matrix, select(candidates, clusters, matrix))
    await journal.append("decision", decision.model_dump(mode="json"))
    return decision
