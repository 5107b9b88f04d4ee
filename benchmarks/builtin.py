"""`builtin/repair` on a suite of PyPI release pairs: coverage, selected, false accepts, time, memory.

    python -m benchmarks.builtin [--suite MANIFEST] [--samples 1,4,16] [--only ID,...] [--json FILE]

The largest number of samples is drawn once; the smaller ones are its prefixes, since a sample does not
depend on how many others there are. For each number the selector runs anew on the prefix, with the existing
tests chosen for all. Every distinct patch is then graded with the hidden tests: "coverage" counts tasks where
any candidate of the prefix resolves, "selected" those whose winner does, "false accepts" those whose winner
does not. "s / task" adds up the trajectories' own wall time, "wall" is the clock of the largest run.
Interrupted, it goes on where it stopped when called again with the same --out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from benchmarks.memory import PeakMemory
from envs.grading import grade
from envs.pypi import PypiSuite
from envs.task import Task
from runs.base_room import BaseRoom
from runs.display.plain import line_of
from runs.job import Job
from runs.journal import Journal
from runs.judging import look
from runs.pool import gather_pool
from runs.progress import Progress
from runs.recipe import Crew, Recipe
from runs.recorded import recorded
from runs.solve import solve
from sandbox.home import default_home
from selection.candidate import Candidate


@dataclass(frozen=True)
class Point:
    """What one number of samples came to on one task; `selected` is None after an abstention."""

    task: str
    tier: int
    samples: int
    covered: bool
    selected: bool | None
    clusters: int
    seconds: float


@dataclass(frozen=True)
class Figures:
    """One task's points, the wall clock of its largest run, and the peak of memory meanwhile."""

    points: tuple[Point, ...]
    wall: float
    peak: int


async def measure(job: Job, tier: int, counts: Sequence[int], out: Path) -> Figures:
    began = time.monotonic()
    with PeakMemory() as memory:
        task, repository = await job.find()
        await solve(job, task, repository, out, tell)
    wall = time.monotonic() - began
    with Journal(out / task.instance_id) as journal:
        async with BaseRoom(task, repository, job.recipe, job.home) as room:
            points = [await point(job, task, tier, room, journal, count) for count in counts]
    return Figures(tuple(points), wall, memory.bytes)


def tell(progress: Progress) -> None:
    line = line_of(progress)
    if line:
        print("   ", line, flush=True)


async def point(job: Job, task: Task, tier: int, room: BaseRoom, journal: Journal, count: int) -> Point:
    trajectories = [one for sample, one in sorted(recorded(journal).items()) if sample < count]
    pool = await gather_pool(job, task, room, trajectories, journal)
    judged = await look(task.public(), room, pool, job.recipe, journal)
    candidates, clusters, winner = pool.candidates, judged.clusters, judged.selection.winner
    right = {
        ids[0]: await resolves(task, room, next(one for one in candidates if one.id == ids[0]), journal)
        for ids in clusters.members.values()
    }
    winning = next((ids[0] for ids in clusters.members.values() if winner in ids), None)
    return Point(
        task=task.instance_id,
        tier=tier,
        samples=count,
        covered=any(right.values()),
        selected=right[winning] if winning else None,
        clusters=len(clusters.members),
        seconds=sum(one.seconds for one in trajectories),
    )


async def resolves(task: Task, room: BaseRoom, candidate: Candidate, journal: Journal) -> bool:
    """Return whether a candidate passes the hidden tests; each patch is graded once."""
    known = journal.last("benchmark grade", patch=candidate.patch)
    if known is None:
        found = await grade(
            task, await room.prepared(), await room.host(), candidate.patch, limits=room.limits
        )
        known = {"patch": candidate.patch, "resolved": found.resolved, "status": found.status.value}
        await journal.append("benchmark grade", known)
    return bool(known["resolved"])


def show(figures: Sequence[Figures], counts: Sequence[int], console: Console) -> None:
    table = Table(
        "tier", "tasks", "samples", "coverage", "selected", "false accepts", "abstained", "s / task"
    )
    points = [point for one in figures for point in one.points]
    for tier in (*sorted({point.tier for point in points}), 0):
        for count in counts:
            row = [point for point in points if point.samples == count and tier in {0, point.tier}]
            if row:
                table.add_row(
                    str(tier or "all"),
                    str(len(row)),
                    str(count),
                    str(sum(point.covered for point in row)),
                    str(sum(point.selected is True for point in row)),
                    str(sum(point.selected is False for point in row)),
                    str(sum(point.selected is None for point in row)),
                    f"{sum(point.seconds for point in row) / len(row):.0f}",
                )
    console.print(table)
    most = max(counts)
    for one in figures:
        last = next(point for point in one.points if point.samples == most)
        said = {True: "selected", False: "FALSE ACCEPT", None: "abstained"}[last.selected]
        console.print(
            f"{last.task:<26} tier {last.tier}  {'covered' if last.covered else '-':<8} {said:<13}"
            f"{last.clusters:>3} clusters {one.wall:6.0f} s wall {one.peak >> 20:>6} MiB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--suite", type=Path)
    parser.add_argument("--samples", default="1,4,16")
    parser.add_argument("--only", default="")
    parser.add_argument("--seconds", type=float, default=120.0, help="wall time a trajectory may take")
    parser.add_argument("--parallel", type=int, default=max(4, os.cpu_count() or 4))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--out", type=Path, default=Path("mangabey-out/benchmark-builtin"))
    options = parser.parse_args()
    counts = sorted(int(count) for count in options.samples.split(","))
    only = set(filter(None, options.only.split(",")))
    console = Console()
    figures = []
    for row in PypiSuite(options.suite).rows():
        if only and row.id not in only:
            continue
        crew = Crew(samples=max(counts), seconds=options.seconds, steps=200)
        recipe = Recipe(crews=(crew,), parallel=options.parallel, grade=False)
        job = Job(recipe=recipe, home=default_home(), task=f"pypi/{row.id}", suite=options.suite)
        console.print(f"[bold]{row.id}[/]")
        figures.append(asyncio.run(measure(job, row.tier, counts, options.out)))
    show(figures, counts, console)
    if options.json:
        report = {"machine": machine(), "figures": [asdict(one) for one in figures]}
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
