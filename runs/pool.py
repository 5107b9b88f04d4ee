"""The pool of candidates of one issue: every trajectory's patch, and patches from elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agent.trajectory import Trajectory
from envs.task import Task
from runs.base_room import BaseRoom
from runs.base_tree import BaseTree
from runs.cheater import plant
from runs.job import Job
from runs.journal import Journal
from selection.candidate import Candidate
from selection.pool import read_candidates
from selection.separate import candidate_from_diff


async def gather_candidates(
    job: Job, task: Task, room: BaseRoom, trajectories: Sequence[Trajectory], journal: Journal
) -> tuple[Candidate, ...]:
    """Return the candidates: samples in order, then those of files, then the planted cheater.

    Every diff is separated into patch, tests and dropped edits against the same base.

    Raises:
        PoolError: a file of candidates cannot be read.
    """
    outside = await _outside(job, task, room, journal)
    tree = await asyncio.to_thread(BaseTree, await room.root())
    pool = [
        candidate_from_diff(
            trajectory.diff,
            origin=f"sample {trajectory.sample}",
            base=tree,
            test_paths=trajectory.test_paths,
            exit_reason=trajectory.exit_reason.value,
        )
        for trajectory in trajectories
    ]
    pool += [candidate_from_diff(diff, origin=origin, base=tree) for origin, diff in outside]
    return tuple(pool)


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
