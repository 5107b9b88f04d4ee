"""The pool of one issue: every trajectory's patch or tests, and patches from elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.trajectory import ExitReason, Trajectory
from envs.task import Task
from runs.base_room import BaseRoom
from runs.base_tree import BaseTree
from runs.candidates import read_from_anywhere
from runs.cheater import plant
from runs.crews import origin_of, seats
from runs.job import Job
from runs.journal import Journal
from runs.outside import record_outside, recorded_outside
from selection.candidate import Candidate, TestFile
from selection.pool import RawCandidate
from selection.separate import candidate_from_diff


@dataclass(frozen=True, slots=True)
class Pool:
    """What is judged, and tests of those who bring no candidate."""

    candidates: tuple[Candidate, ...]
    tests: tuple[TestFile, ...] = ()


async def gather_pool(
    job: Job, task: Task, room: BaseRoom, trajectories: Sequence[Trajectory], journal: Journal
) -> Pool:
    """Return the candidates: samples in order, then those of files, then the planted cheater; and tests.

    Every diff is separated into patch, tests and dropped edits against the same base. A tester gives its
    tests and no candidate; what was called off was not needed, and gives neither.

    Raises:
        PoolError: a file of candidates cannot be read.
    """
    tree = await asyncio.to_thread(BaseTree, await room.root())
    outside = [(one, _of_outside(one, tree)) for one in await _outside(job, task, room, journal)]
    testers = {seat.sample for seat in seats(job.recipe) if seat.purpose == "tests"}
    ended = [one for one in trajectories if one.exit_reason is not ExitReason.CANCELLED]
    ours = [(one.sample, _of_sample(one, tree)) for one in ended]
    pool = [candidate for sample, candidate in ours if sample not in testers]
    pool += [candidate for raw, candidate in outside if not raw.only_tests]
    only_tests = [one for sample, one in ours if sample in testers]
    only_tests += [candidate for raw, candidate in outside if raw.only_tests]
    return Pool(tuple(pool), tuple(file for one in only_tests for file in _signed(one)))


def _of_outside(raw: RawCandidate, tree: BaseTree) -> Candidate:
    return candidate_from_diff(
        raw.diff, origin=raw.origin, base=tree, test_paths=raw.test_paths, exit_reason=raw.exit_reason
    )


def _of_sample(trajectory: Trajectory, tree: BaseTree) -> Candidate:
    return candidate_from_diff(
        trajectory.diff,
        origin=origin_of(trajectory.sample),
        base=tree,
        test_paths=trajectory.test_paths,
        exit_reason=trajectory.exit_reason.value,
    )


def _signed(tester: Candidate) -> list[TestFile]:
    """Return a tester's files with a name of the author that a reader understands."""
    return [replace(file, author=tester.origin) for file in tester.tests]


async def _outside(job: Job, task: Task, room: BaseRoom, journal: Journal) -> list[RawCandidate]:
    """Return patches that no trajectory of ours made, from the journal when it has them."""
    found = recorded_outside(journal)
    if found is None:
        found = list(read_from_anywhere(job.candidates, lambda one: is_for(one, task, job)))
        if job.plant_cheater:
            found.append(RawCandidate("planted cheater", await plant(await room.base())))
        await record_outside(found, journal)
    return found


def is_for(one: RawCandidate, task: Task, job: Job) -> bool:
    """Whether a patch is meant for a task: it says so or says nothing; a local checkout takes all."""
    return job.repo is not None or one.instance_id in {"", task.instance_id}
