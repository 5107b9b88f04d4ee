"""From candidates to a decision: clusters, the test matrix, what models read, the rule."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from envs.regressions import existing_tests
from envs.task import PublicTask
from runs.base_room import BaseRoom
from runs.commons import Commons
from runs.decision import Decision, decision_of
from runs.inputs import inputs_between
from runs.journal import Journal
from runs.pool import Pool
from runs.progress import Listener, StageBegan
from runs.readers import with_needs
from runs.reading import read_candidates_of
from runs.recipe import Recipe
from runs.taking_up import standing
from runs.words import counted
from sandbox.base import Sandbox, SandboxError
from selection.clusters import Clusters, cluster, touched
from selection.differences.demonstrations import demonstrated
from selection.differences.results import results_of
from selection.evidence import Evidence
from selection.evidence_file import write_evidence
from selection.excused import excused_tests
from selection.executions import executions
from selection.faults import faulty
from selection.feature_verifier import shipped
from selection.feature_verifier import verdicts as features_read
from selection.features import EXECUTED
from selection.matrix import TestMatrix, run_matrix
from selection.rules import rule_named
from selection.rules.tallies import heard
from selection.verdict import Selection
from selection.verifiers.surroundings import base_texts

NEAREST = 60
"""Existing test files that are considered, the nearest to the change; time allows for fewer of them."""
TOGETHER = 20
"""Existing test files of one batch."""
EVIDENCE = "evidence.jsonl.gz"
"""The file beside the journal with all that was known when the rule decided."""


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
    recorded = standing(journal, "decision")
    return Decision.model_validate(recorded) if recorded is not None else None


@dataclass(frozen=True, slots=True)
class Judged:
    """A pool with all that the tests say of it; `matrix` is without those that decide nothing."""

    pool: Pool
    clusters: Clusters
    matrix: TestMatrix
    selection: Selection


async def look(task: PublicTask, room: BaseRoom, pool: Pool, recipe: Recipe, journal: Journal) -> Judged:
    """Test what is there and apply the rule, deciding nothing; no test is run twice, now or later.

    Raises:
        SandboxError: the base cannot be tested; every finished cell is kept.
    """
    return judged(await _tested(task, room, pool, recipe, journal), pool, recipe)


def judged(evidence: Evidence, pool: Pool, recipe: Recipe) -> Judged:
    """Return a pool with what its evidence says, as the recipe's rule hears it."""
    return Judged(pool, evidence.clusters, heard(evidence), chosen(evidence, recipe))


async def judge(
    task: PublicTask,
    room: BaseRoom,
    pool: Pool,
    recipe: Recipe,
    journal: Journal,
    listen: Listener,
    commons: Commons | None = None,
) -> Decision:
    """Return the decision over the candidates, and record it with its evidence.

    Raises:
        RunSpentError: the run's purse is empty.
        SandboxError: the base cannot be tested; every finished cell is kept.
        UnknownModelError: a model that is to read has no backend.
        UsageError: a reader's text cannot be read.
    """
    evidence = await _tested(task, room, pool, recipe, journal)
    evidence, trouble = await _read(evidence, task, room, pool, recipe, journal, listen, commons)
    cells, place = JournalCells(journal), await _place(room)
    if rule_named(recipe.rule).compares_results and recipe.selection.inputs:
        evidence, silent = await _compared(evidence, room, cells, place, listen)
        trouble = (*trouble, *silent)
    selection = chosen(evidence, recipe)
    inputs, failed = await inputs_between(task, room, evidence, selection, recipe, cells, place)
    decision = decision_of(evidence, selection, tuple(dict.fromkeys([*trouble, *failed])), inputs)
    await asyncio.to_thread(write_evidence, journal.folder / EVIDENCE, [evidence])
    await journal.append("decision", decision.model_dump(mode="json"))
    return decision


def chosen(evidence: Evidence, recipe: Recipe) -> Selection:
    """Return what the recipe's rule makes of the evidence, or an abstention where that is not sure enough."""
    found = rule_named(recipe.rule).choose(evidence)
    least = recipe.min_probability
    if not least or found.winner is None:
        return found
    if found.probability is None:
        return replace(found, reason=f"{found.reason}; how sure that is, {found.rule} does not say")
    if found.probability >= least:
        return found
    reason = (
        f"abstains: {found.probability:.0%} sure of the best, which is less than {least:.0%} ({found.reason})"
    )
    return replace(found, winner=None, reason=reason, tied=())


async def _tested(task: PublicTask, room: BaseRoom, pool: Pool, recipe: Recipe, journal: Journal) -> Evidence:
    """Return what running says of a pool."""
    if not pool.tests and not any(one.patch.strip() or one.tests for one in pool.candidates):
        return Evidence(task.instance_id, task.repo, task.problem_statement, pool.candidates)
    base = await room.base()
    parallel = max(2, os.cpu_count() or 2)
    cells, place = JournalCells(journal), await _place(room)
    clusters = await cluster(base, pool.candidates, parallel=parallel)
    matrix = await run_matrix(
        task,
        base,
        pool.candidates,
        clusters,
        tests=pool.tests,
        regressions=await _regressions(base, pool, journal),
        cells=cells,
        parallel=parallel,
        timeout=recipe.test_seconds,
        budget=recipe.regression_seconds,
        place=place,
    )
    evidence = Evidence(
        task=task.instance_id,
        repo=task.repo,
        problem_statement=task.problem_statement,
        candidates=pool.candidates,
        clusters=clusters,
        matrix=matrix,
        excused=excused_tests(clusters, matrix),
    )
    texts = await base_texts(base, [one.patch for one in pool.candidates])
    evidence = evidence.with_facts(await asyncio.to_thread(faulty, evidence, texts))
    evidence = evidence.with_facts(await demonstrated(evidence, base, cells=cells, place=place))
    if EXECUTED in shipped().weights:  # what has no weight is not worth a traced run
        ran = await executions(evidence, base, texts, task.test_runner, cells=cells, place=place)
        evidence = replace(evidence, executed=ran)
    return replace(evidence, verdicts=await asyncio.to_thread(features_read, evidence))


async def _read(
    evidence: Evidence,
    task: PublicTask,
    room: BaseRoom,
    pool: Pool,
    recipe: Recipe,
    journal: Journal,
    listen: Listener,
    commons: Commons | None,
) -> tuple[Evidence, tuple[str, ...]]:
    """Return the evidence with what models say, and what went wrong; tests that they wrote are run on all."""
    asking = with_needs(recipe)
    if not asking.selection.asks or not evidence.clusters.members:
        return evidence, ()
    base, cells, place = await room.base(), JournalCells(journal), await _place(room)
    reading = await read_candidates_of(task, base, evidence, asking, journal, cells, listen, commons, place)
    found = reading.evidence
    if reading.tests:
        further = replace(pool, tests=(*pool.tests, *reading.tests))
        again = await _tested(task, room, further, recipe, journal)
        found = replace(found, matrix=again.matrix, excused=again.excused, executed=again.executed)
    return found, reading.trouble


async def _compared(
    evidence: Evidence, room: BaseRoom, cells: JournalCells, place: str, listen: Listener
) -> tuple[Evidence, tuple[str, ...]]:
    """Return the evidence with what programs come to with each candidate, and what went wrong.

    Looks go without: it takes long.
    """
    programs = len(evidence.clusters.members)
    if programs < 2:
        return evidence, ()
    listen(StageBegan("inputs", f"run with {counted(programs, 'program')}"))
    parallel = max(2, os.cpu_count() or 2)
    try:
        found = await results_of(evidence, await room.base(), cells=cells, place=place, parallel=parallel)
    except SandboxError as error:
        return evidence, (f"comparing results: {error}",)
    except Exception as error:  # further evidence must not cost the decision
        return evidence, (f"comparing results failed: {type(error).__name__}: {error}",)
    return replace(evidence, results=found), ()


async def _place(room: BaseRoom) -> str:
    """Return a name of the image, tree and limits of the base."""
    root = await room.root()
    facts = (root.image, root.tree.parent.name, root.workdir, sorted(root.env.items()), str(room.limits))
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


async def _regressions(base: Sandbox, pool: Pool, journal: Journal) -> list[list[str]]:
    """Return the existing tests to run: the batches of earlier looks as they were, then those of what is new.

    A batch that grew would have to be run again with every patch.
    """
    batches = [list(event.data["targets"]) for event in journal.of("regressions")]
    known = {target for batch in batches for target in batch}
    paths = sorted({path for one in pool.candidates for path in touched(one.patch)})
    new = [target for target in await existing_tests(base, paths, limit=NEAREST) if target not in known]
    for batch in _cut(new):
        await journal.append("regressions", {"targets": batch})
        batches.append(batch)
    return batches


def _cut(targets: Sequence[str]) -> list[list[str]]:
    return [list(targets[start : start + TOGETHER]) for start in range(0, len(targets), TOGETHER)]
