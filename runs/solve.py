"""One issue, end to end: task, context, trajectories, matrix, selection, prediction, grade, report."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

from agent.models.calling import open_model
from envs.task import Task
from runs.base_room import BaseRoom
from runs.candidates import read_from_anywhere
from runs.commons import Commons
from runs.context import context_of
from runs.crews import require_kinds
from runs.decision import Decision
from runs.drawing import draw_rounds
from runs.folder import write_text
from runs.grading import UngradedError, grade_winner, recorded_verdict
from runs.job import Job
from runs.journal import Journal
from runs.judging import Judged, judge, look, recorded_decision
from runs.ledger import Ledger
from runs.pool import Pool, gather_pool
from runs.prediction import prediction_line
from runs.progress import Listener, Noticed, StageBegan
from runs.readers import unheard_notes
from runs.recipe import Recipe
from runs.recorded import recorded
from runs.report import Report, read_report
from runs.taking_up import REOPENED, in_vain, standing
from runs.troop import Troop
from runs.words import counted
from sandbox.hosts import check_name


async def find(job: Job, listen: Listener) -> tuple[Task, Path | None]:
    """Return a job's task and repository, and refuse what could only fail later, before anything is paid.

    Raises:
        TaskError: there is no such task, repository or package.
        UsageError: a crew's kind of trajectory is not known.
        UnknownModelError: the model has no backend.
        UnknownSandboxError: there is no such sandbox.
        PoolError: a file of candidates cannot be read.
    """
    listen(StageBegan("prepare", job.task or str(job.repo)))
    require_kinds(job.recipe)
    for name in job.recipe.model_names():
        open_model(name)
    check_name(job.recipe.sandbox)
    read_from_anywhere(job.candidates)
    task, repository = await job.find()
    for notice in (*unheard_notes(job.recipe), *task.extra.get("notices", ())):
        listen(Noticed(notice))
    return task, repository


async def solve(job: Job, task: Task, repository: Path | None, folder: Path, listen: Listener) -> Report:
    """Solve one issue in a run's folder and return the report; what the folder's journal holds is not redone.

    Raises:
        TaskError: its environment cannot be made.
        SandboxError: the base sandbox cannot be made, or nothing could be tested.
        ModelError: the model cannot be reached.
        JournalError: the record cannot be written.
        UngradedError: the patch, which is published, could not be graded.
    """
    with Journal(folder / task.instance_id) as journal:
        try:
            report = await solve_in(journal, job, task, repository, listen)
        except UngradedError:
            _publish(read_report(journal), folder)
            raise
    _publish(report, folder)
    return report


async def solve_in(
    journal: Journal,
    job: Job,
    task: Task,
    repository: Path | None,
    listen: Listener,
    commons: Commons | None = None,
) -> Report:
    """Solve one issue in its journal and return the report; what the journal holds is not redone.

    Args:
        journal: the issue's.
        job: the work order.
        task: the issue.
        repository: see `Job.find`.
        listen: is told what happens.
        commons: what it shares with others that are solved beside it.

    Raises:
        RunSpentError: the run's purse is empty.
        TaskError, SandboxError, ModelError, JournalError, UngradedError: see `solve`.
    """
    for notice in journal.notices:
        listen(Noticed(notice))
    if not is_finished(journal, job.recipe):
        await _solve_timed(job, task, repository, journal, listen, commons)
    return read_report(journal)


def is_finished(journal: Journal, recipe: Recipe) -> bool:
    """Whether nothing is left: a grade that is no verdict leaves the grading, an end in vain all of it."""
    graded = standing(journal, "grade") is None or recorded_verdict(journal) is not None
    ended = graded and standing(journal, "finished") is not None
    return ended and not in_vain(journal, Ledger(journal, recipe.budget))


async def _solve_timed(
    job: Job,
    task: Task,
    repository: Path | None,
    journal: Journal,
    listen: Listener,
    commons: Commons | None,
) -> None:
    """Solve, and record how long this attempt worked even when it is cut short."""
    began = time.monotonic()
    if standing(journal, "finished") is not None and in_vain(journal, Ledger(journal, job.recipe.budget)):
        await journal.append(REOPENED, {})
    try:
        await _solve(job, task, repository, journal, listen, commons)
    finally:
        await journal.append("worked", {"seconds": time.monotonic() - began})
    await journal.append("finished", {})


async def _solve(
    job: Job,
    task: Task,
    repository: Path | None,
    journal: Journal,
    listen: Listener,
    commons: Commons | None,
) -> None:
    await _record_task(task, journal)
    run = journal.folder.parent.name
    async with BaseRoom(task, repository, job.recipe, job.home, run, commons) as room:
        decision = recorded_decision(journal) or await _decide(job, task, room, journal, listen, commons)
        listen(StageBegan("select", decision.reason))
        if task.grading is not None and job.recipe.grade:
            listen(StageBegan("grade", "the hidden tests enter only now"))
            await grade_winner(task, room, decision.patch, journal)


async def _decide(
    job: Job, task: Task, room: BaseRoom, journal: Journal, listen: Listener, commons: Commons | None
) -> Decision:
    public = task.public()
    await _record_seal(room, journal)
    listen(StageBegan("context"))
    context = await context_of(room, job.recipe, journal, listen, commons)

    async def pool() -> Pool:
        ended = [one for _, one in sorted(recorded(journal).items())]
        return await gather_pool(job, task, room, ended, journal)

    async def look_now() -> Judged:
        return await look(public, room, await pool(), job.recipe, journal)

    async with Troop(public, room, job.recipe, context, journal, listen, commons) as troop:
        await draw_rounds(troop, look_now)
    found = await pool()
    listen(StageBegan("matrix", _told(found)))
    return await judge(public, room, found, job.recipe, journal, listen, commons)


def _told(pool: Pool) -> str:
    tests = f", {counted(len(pool.tests), 'test')} of testers" if pool.tests else ""
    return f"{counted(len(pool.candidates), 'candidate')}{tests}"


async def _record_task(task: Task, journal: Journal) -> None:
    """Write down what is solved, once; the sealed part stays out of the journal."""
    if journal.last("task") is None:
        public = task.public()
        data = {name: getattr(public, name) for name in public.__slots__}
        await journal.append("task", data | {"gradable": task.grading is not None})


async def _record_seal(room: BaseRoom, journal: Journal) -> None:
    """Write down what proves that the agents' repository ends at the base."""
    if journal.last("sealed") is None:
        await journal.append("sealed", asdict((await room.prepared()).seal))


def _publish(report: Report, folder: Path) -> None:
    """Leave the prediction and the report where other tools look for them."""
    write_text(folder / "preds.jsonl", prediction_line(report))
    write_text(folder / "report.json", report.to_json_text())
