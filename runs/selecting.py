"""Choosing among candidates from anywhere: task, pool, matrix, rule, decision. No trajectory is drawn."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from agent.messages import Value
from agent.models.calling import open_model
from envs.task import Task
from runs.base_room import BaseRoom
from runs.candidates import read_from_anywhere
from runs.decision import Decision
from runs.folder import write_text
from runs.job import Job
from runs.journal import Journal
from runs.judging import judge, recorded_decision
from runs.ledger import Ledger
from runs.pool import Pool, gather_pool, is_for
from runs.prediction import prediction
from runs.progress import Listener, Noticed, StageBegan
from runs.purse import Spending
from runs.readers import reading_models, unasked_models, unheard_notes
from runs.words import counted
from sandbox.hosts import check_name
from selection.pool import PoolError, RawCandidate
from selection.rules import rule_named
from selection.rules.hearing import reaches

_SHOWN = 3
_LET_READ = "-c selection.views=[patch] lets it read the patches"


class Choice(Value):
    """What was chosen for one issue, with the evidence; `spent` is what its readers have used."""

    instance_id: str
    problem_statement: str
    decision: Decision
    spent: Spending = Spending()

    @property
    def patch(self) -> str:
        """The chosen patch, empty after an abstention."""
        return self.decision.patch

    @property
    def succeeded(self) -> bool:
        """Whether a patch was chosen."""
        return self.decision.winner is not None

    def to_json_text(self) -> str:
        """Return it as JSON; bytes of a patch that are no text are escaped as lone surrogates."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=True, indent=1)


async def find(job: Job, listen: Listener) -> tuple[Task, Path | None]:
    """Return a job's task and repository, and refuse what could only fail later, before anything is run.

    Raises:
        TaskError: there is no such task, repository or package.
        PoolError: a file of candidates cannot be read, or none is for this task.
        UnknownModelError: a model that is to read has no backend.
        UnknownSandboxError: there is no such sandbox.
    """
    listen(StageBegan("prepare", job.task or str(job.repo)))
    unasked = unasked_models(job.recipe)
    for name in (*reading_models(job.recipe), *unasked):
        open_model(name)
    for name in unasked:
        rule = job.recipe.rule
        other = "" if reaches("verifier:patch", rule_named(rule).hears) else "--rule posterior "
        listen(Noticed(f"{name} is asked nothing by the rule {rule}; {other}{_LET_READ}"))
    for line in unheard_notes(job.recipe):
        listen(Noticed(line))
    check_name(job.recipe.sandbox)
    raw = read_from_anywhere(job.candidates)
    task, repository = await job.find()
    if others := _others(raw, task, job):
        listen(Noticed(others))
    for notice in task.extra.get("notices", ()):
        listen(Noticed(notice))
    return task, repository


async def choose(job: Job, task: Task, repository: Path | None, folder: Path, listen: Listener) -> Choice:
    """Choose in a run's folder and return the choice; what the folder's journal holds is not redone.

    Raises:
        TaskError: its environment cannot be made.
        SandboxError: the base sandbox cannot be made, or nothing could be tested.
        JournalError: the record cannot be written.
    """
    with Journal(folder / task.instance_id) as journal:
        for notice in journal.notices:
            listen(Noticed(notice))
        decision = recorded_decision(journal) or await _decide(job, task, repository, journal, listen)
        listen(StageBegan("select", decision.reason))
        spent = Ledger(journal, job.recipe.budget).spent
    found = Choice(
        instance_id=task.instance_id,
        problem_statement=task.problem_statement,
        decision=decision,
        spent=spent,
    )
    write_text(folder / "preds.jsonl", prediction(task.instance_id, decision.rule, found.patch))
    write_text(folder / "decision.json", found.to_json_text() + "\n")
    return found


async def _decide(
    job: Job, task: Task, repository: Path | None, journal: Journal, listen: Listener
) -> Decision:
    async with BaseRoom(task, repository, job.recipe, job.home, journal.folder.parent.name) as room:
        pool = await gather_pool(job, task, room, (), journal)
        listen(StageBegan("matrix", _told(pool)))
        return await judge(task.public(), room, pool, job.recipe, journal, listen)


def _told(pool: Pool) -> str:
    tests = len(pool.tests) + sum(len(one.tests) for one in pool.candidates)
    return f"{counted(len(pool.candidates), 'candidate')}, {counted(tests, 'generated test file')}"


def _others(raw: Sequence[RawCandidate], task: Task, job: Job) -> str:
    """Return how many candidates are for other tasks, and which; empty where none is.

    Raises:
        PoolError: all are: a slip in a name would look like an abstention.
    """
    strange = [one for one in raw if not is_for(one, task, job)]
    if not strange:
        return ""
    ids = [one for one, _ in Counter(one.instance_id for one in strange).most_common()]
    more = f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else ""
    for_whom = f"{', '.join(ids[:_SHOWN])}{more}"
    if len(strange) == len(raw):
        there = f"{counted(len(raw), 'candidate')} for {for_whom}"
        raise PoolError(
            f"no candidate is for {task.instance_id}; there {'is' if len(raw) == 1 else 'are'} {there}"
        )
    ours = f"{len(raw) - len(strange)} of {len(raw)} candidates are for {task.instance_id}"
    return f"{ours}; the others are for {for_whom}"
