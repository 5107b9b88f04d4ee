"""One batch, from its plan to its report."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from runs.batch.issue import Surroundings, spent_by
from runs.batch.local import LocalExecutor
from runs.batch.order import FILE, Order, check_drift, write_order
from runs.batch.outcome import read_outcomes
from runs.batch.plan import Plan
from runs.batch.queue import Executor, NoRoom, Queue, Room, Stop, signals_heard
from runs.batch.steps import IssueEnded, Listener
from runs.batch.summary import Files, report_of, write_report
from runs.commons import Commons
from runs.failures import UsageError
from runs.progress import Noticed

_KEY = "--accept-drift"


@contextmanager
def opened(folder: Path, order: Order, *, accept_drift: bool) -> Iterator[None]:
    """Hold a batch's folder, with its order in it, for this process alone.

    Raises:
        UsageError: it holds another run, the order has drifted, or another process is at work in it.
    """
    drift = check_drift(folder, order)
    if drift and not accept_drift:
        raise UsageError(
            f"{folder} was begun with something else; its results would be mixed. What differs: "
            + "; ".join(drift)
            + f". Take another --out, go back, or go on all the same with {_KEY}"
        )
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; --out names a folder")
    if not (folder / FILE).exists() and (folder / "evaluation.json").exists():
        raise UsageError(f"{folder} holds an evaluation; choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"{folder} is in use by another batch; wait, or choose another --out") from error
        write_order(folder, order)
        yield


async def run_batch(
    plan: Plan, folder: Path, home: Path, commons: Commons, listen: Listener
) -> dict[str, Any]:
    """Work on all issues of a plan that have no outcome, and return the report, which is on disk then.

    Args:
        plan: what to do.
        folder: the batch's, see `opened`.
        home: the cache folder.
        commons: what issues share.
        listen: is told what happens.

    Raises:
        OSError: an outcome cannot be written.
    """
    files = Files(folder, await asyncio.to_thread(read_outcomes, folder))
    await _charge_what_is_known(plan, folder, commons)
    for outcome in plan.known.values():
        if outcome.is_final:
            listen(IssueEnded(outcome, kept=True))
    given = Surroundings(plan.order, plan.source, plan.source_name, folder, home, commons)
    async with _executor(given) as executor, _room(plan, given, listen) as room:
        queue = Queue(plan.waiting, executor, room, listen, files.put)
        await _work(queue, plan, listen)
    files.write()
    report = report_of(plan.chosen, files.outcomes, queue.stopped)
    write_report(folder, report)
    return report


async def _work(queue: Queue, plan: Plan, listen: Listener) -> None:
    """Let the queue work until it is done or stopped."""
    working = asyncio.create_task(queue.work(plan.parallel))
    timer = None
    if plan.order.limit_time is not None:
        timer = asyncio.get_running_loop().call_later(plan.order.limit_time, queue.stop, Stop.TIME)
    try:
        with signals_heard(queue, lambda line: listen(Noticed(line))):
            await asyncio.wait([working])
    except asyncio.CancelledError:
        working.cancel()
        await asyncio.wait([working])
        raise
    finally:
        if timer is not None:
            timer.cancel()
    if not working.cancelled():
        working.result()


async def _charge_what_is_known(plan: Plan, folder: Path, commons: Commons) -> None:
    """Tell the purse what earlier calls of the command have spent, on issues that ended and that did not."""
    for instance_id in plan.chosen:
        outcome = plan.known.get(instance_id)
        spent = (
            outcome.spent if outcome is not None else await asyncio.to_thread(spent_by, folder, instance_id)
        )
        commons.purse.put(instance_id.replace("/", "__"), spent)


@asynccontextmanager
async def _executor(given: Surroundings) -> AsyncIterator[Executor]:
    yield LocalExecutor(given)


@asynccontextmanager
async def _room(plan: Plan, given: Surroundings, listen: Listener) -> AsyncIterator[Room]:
    yield NoRoom()
