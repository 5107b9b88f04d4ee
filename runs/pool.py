"""The pool of one issue: every trajectory's patch or tests, and patches from elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.trajectory import ExitReason, Trajectory
from envs.task import Task
from runs.base_room import BaseRoom
from runs.base_tree import BaseTree
from runs.cheater import plant
from runs.crews import origin_of, seats
from runs.job import Job
from runs.journal import Journal
from selection.candidate import Candidate, TestFile
from selection.pool import read_candidates
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
    outside = await _outside(job, task, room, journal)
    tree = await asyncio.to_thread(BaseTree, await room.root())
    testers = {seat.sample for seat in seats(job.recipe) if seat.purpose == "tests"}
    ended = [one for one in trajectories if one.exit_reason is not ExitReason.CANCELLED]
    ours = [(one.sample, _of_sample(one, tree)) for one in ended]
    pool = [candidate for sample, candidate in ours if sample not in testers]
    pool += [candidate_from_diff(diff, origin=origin, base=tree) for origin, diff in outside]
    tests = (file for sample, one in ours if sample in testers for file in _signed(one))
    return Pool(tuple(pool), tuple(tests))


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


async def _outside(job: Job, task: Task, room: BaseRoom, journal: Journal) -> list[tuple[str, str]]:
    """Return patches that no trajectory of ours made, from the journal when it has them."""
    recorded = journal.last("outside")
    if recorded is None:
        found = [
            (one.origin, one.diff)
            for one in read_candidates(job.candidates)
            if one.instance_id in {None, "", task.instance_id}
        ]
        if job.plant_cheater:
            found.append(("planted cheater", await plant(await room.base())))
        recorded = {"patches": [{"origin": origin, "diff": diff} for origin, diff in found]}
        await journal.append("outside", recorded)
    return [(one["origin"], one["diff"]) for one in recorded["patches"]]
