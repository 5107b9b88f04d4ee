"""One issue of a batch, from its id to its outcome on disk; whatever goes wrong with it is its outcome."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.models.keys import redacted
from envs.sources import Source
from runs.batch.order import Order
from runs.batch.outcome import (
    LOST,
    STAGED,
    Failure,
    Outcome,
    Status,
    failed,
    failure_of,
    place_of,
    read_outcome,
    stages_of,
    status_of,
    write_outcome,
)
from runs.batch.watch import Watch
from runs.commons import Commons
from runs.folder import write_text
from runs.journal import Journal, JournalError, ReadJournal
from runs.ledger import Ledger, RunSpentError
from runs.progress import Noticed, Progress
from runs.purse import Spending
from runs.report import Report
from runs.solve import is_finished, solve_in
from runs.taking_up import in_vain, lost, told
from sandbox.work import part_of

LOG = "failure.log"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all issues of a batch are given."""

    order: Order
    source: Source
    source_name: str
    folder: Path
    home: Path
    commons: Commons


async def run_issue(given: Surroundings, instance_id: str, listen: Callable[[Progress], None]) -> Outcome:
    """Solve one issue and return its outcome, which is on disk then unless it says that it cannot be written.

    Raises:
        RunSpentError: the run's purse is empty; the issue is unfinished and has no outcome.
    """
    watch = Watch(listen)
    began = time.monotonic()
    before = await asyncio.to_thread(read_outcome, given.folder, instance_id)
    try:
        outcome = await _bounded(given, instance_id, watch)
        if not outcome.is_final:
            outcome = outcome.model_copy(update={"tried": 1 + (before.tried if before else 0)})
    except RunSpentError:
        raise
    except Exception as error:  # one issue's failure, or a defect of ours, must not stop the others
        if spent := _run_spent(error):
            raise spent from error
        failure, message = (
            (Failure(error.args[0]), error.args[1]) if isinstance(error, _EndedError) else failure_of(error)
        )
        if failure is Failure.DEFECT:
            log = redacted("".join(traceback.format_exception(error)))
            with suppress(OSError):
                await asyncio.to_thread(write_text, place_of(given.folder, instance_id) / LOG, log)
        seconds = time.monotonic() - began
        outcome = await asyncio.to_thread(failed_outcome, given, instance_id, failure, message, seconds)
    outcome = await asyncio.to_thread(with_facts, outcome, given.source)
    return await asyncio.shield(asyncio.to_thread(kept, given.folder, outcome))


def kept(folder: Path, outcome: Outcome) -> Outcome:
    """Write an outcome and return it; where that fails, that is a failure of this issue and of no other."""
    try:
        write_outcome(folder, outcome)
    except Exception as error:  # a defect of ours too must not stop the others
        failure, words = failure_of(error)
        outcome = failed(outcome, failure, f"its outcome cannot be written: {redacted(words)}")
        with suppress(Exception):
            write_outcome(folder, outcome)
    return outcome


def failed_outcome(
    given: Surroundings, instance_id: str, failure: Failure, message: str, seconds: float = 0.0
) -> Outcome:
    """Return the outcome of an issue that the machinery failed on, with what its journal says it has spent.

    Args:
        given: the batch's.
        instance_id: the issue's.
        failure: what failed.
        message: how, in one line.
        seconds: wall time of this attempt.
    """
    before = read_outcome(given.folder, instance_id)
    return Outcome(
        instance_id=instance_id,
        status=Status.INFRASTRUCTURE,
        failure=failure,
        message=redacted(message),
        tried=1 + (before.tried if before else 0),
        seconds=round(seconds + (before.seconds if before else 0.0), 3),
        spent=spent_by(given.folder, instance_id),
    )


class _EndedError(Exception):
    """The issue was ended by its deadline or the watch; carries the kind of failure and words."""


async def _bounded(given: Surroundings, instance_id: str, watch: Watch) -> Outcome:
    """Solve within the issue's deadline, ended earlier where nothing happens any more."""
    order = given.order
    try:
        async with asyncio.timeout(order.issue_seconds) as deadline:
            try:
                async with asyncio.timeout(None) as stuck:
                    watching = asyncio.create_task(watch.end_when_stuck(stuck, deadline, order.quiet_seconds))
                    try:
                        with part_of(watch.work):
                            return await _solved(given, instance_id, watch)
                    finally:
                        watching.cancel()
            except TimeoutError as error:
                if not stuck.expired():
                    raise
                raise _EndedError(Failure.STUCK, watch.awaited()) from error
    except TimeoutError as error:
        if not deadline.expired():
            raise
        words = f"all {order.issue_seconds:.0f} s are used; {watch.awaited()}"
        raise _EndedError(Failure.DEADLINE, words) from error


async def _solved(given: Surroundings, instance_id: str, watch: Watch) -> Outcome:
    task, repository = await given.source.load(instance_id, given.home)
    for notice in task.extra.get("notices", ()):
        watch.listen(Noticed(notice))
    job = given.order.job(instance_id, given.source_name, given.home)
    with await asyncio.to_thread(Journal, place_of(given.folder, instance_id)) as journal:
        watch.journal = journal
        done = is_finished(journal, given.order.recipe)
        try:
            report = await solve_in(journal, job, task, repository, watch.listen, given.commons)
        finally:
            if not done:
                await journal.append(STAGED, {"stages": watch.end()})
        ledger = Ledger(journal, given.order.recipe.budget, given.commons.purse)
        outcome = _outcome(report, instance_id, stages_of(journal), ledger.spent)
        if not in_vain(journal, ledger):
            return outcome
        died = lost(journal, ledger)
        words = f"no patch, and {told(died, len(report.samples))}"
        return failed(outcome, LOST[died[0].exit_reason], words)


def _outcome(report: Report, instance_id: str, stages: dict[str, float], spent: Spending) -> Outcome:
    endings = [one.exit_reason for one in report.samples]
    return Outcome(
        instance_id=instance_id,
        status=status_of(report),
        graded=report.grade is not None,
        model=f"mangabey/{report.model}",
        patch=report.patch,
        reason=report.decision.reason,
        seconds=round(report.seconds, 3),
        stages=stages,
        endings={one: endings.count(one) for one in dict.fromkeys(endings)},
        spent=spent,
    )


def spent_by(folder: Path, instance_id: str) -> Spending:
    """Return what an issue's journal says it has spent by now, nothing where there is none to be read."""
    from runs.recipe import Allowance

    place = place_of(folder, instance_id)
    if not (place / "journal.jsonl").exists():
        return Spending()
    try:
        return Ledger(ReadJournal(place), Allowance()).spent
    except JournalError:
        return Spending()


def recounted(folder: Path, outcome: Outcome) -> Outcome:
    """Return an outcome with all that its issue has spent: one that failed may have gone on since."""
    if outcome.is_final:
        return outcome
    spent = spent_by(folder, outcome.instance_id)
    known = outcome.spent  # what a damaged or lost journal does not tell any more
    return outcome if spent.steps < known.steps else outcome.model_copy(update={"spent": spent})


def _run_spent(error: BaseException) -> RunSpentError | None:
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := _run_spent(one))), None)
    return error if isinstance(error, RunSpentError) else None


def with_facts(outcome: Outcome, source: Source) -> Outcome:
    """Return an outcome with what reports group by, where its source knows it."""
    try:
        facts = source.describe(outcome.instance_id)
    except Exception:  # a source of the user's own; a report can do without
        return outcome
    difficulty = facts.get("difficulty") or facts.get("tier", "")
    known = {"repo": str(facts.get("repository", "")), "difficulty": str(difficulty)}
    return outcome.model_copy(update=known)
