"""One batch, from its plan to its report."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from runs.batch.engine import Engine, EngineAwaited, look
from runs.batch.images import image_names, image_room
from runs.batch.issue import Surroundings, recounted, spent_by
from runs.batch.local import LocalExecutor
from runs.batch.order import Order, check_drift, write_order
from runs.batch.outcome import Outcome, place_of, read_outcomes, write_outcome
from runs.batch.plan import Plan
from runs.batch.queue import Executor, NoRoom, Queue, Room, Stop, signals_heard
from runs.batch.steps import IssueEnded, Listener
from runs.batch.summary import Files, report_of, write_report
from runs.commons import Commons
from runs.failures import UsageError
from runs.progress import Noticed
from runs.purse import Spending

_KEY = "--accept-drift"


@contextmanager
def opened(folder: Path, order: Order, *, accept_drift: bool) -> Iterator[None]:
    """Hold a batch's folder, with its order in it, for this process alone.

    Raises:
        UsageError: it cannot be made or holds another run, the order has drifted, or another process is at
            work in it.
    """
    drift = check_drift(folder, order)
    if drift and not accept_drift:
        raise UsageError(drifted(folder, drift))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise UsageError(f"--out {folder} cannot be made: {error.strerror}; choose another place") from error
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"{folder} is in use by another batch; wait, or choose another --out") from error
        write_order(folder, order)
        yield


def drifted(folder: Path, drift: Sequence[str]) -> str:
    """Return why a folder is not gone on with, and what to do."""
    return (
        f"{folder} was begun with something else; its results would be mixed. What differs: "
        f"{'; '.join(drift)}. Take another --out, go back, or go on all the same with {_KEY}"
    )


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
    await asyncio.to_thread(_recount, files, folder)
    known = await asyncio.to_thread(_spent_before, plan, folder, files.outcomes)
    for outcome in plan.known.values():
        if outcome.is_final:
            listen(IssueEnded(outcome, kept=True))
    given = Surroundings(plan.order, plan.source, plan.source_name, folder, home, commons)
    await _sweep(listen)
    async with _executor(plan, given, known, listen) as executor, _room(plan, given, listen) as room:
        queue = Queue(plan.waiting, executor, room, listen, files.put)
        await _work(queue, executor.parallel, plan.order.limit_time, listen)
    await _sweep(listen)
    files.write()
    await asyncio.to_thread(_recount, files, folder)
    left = [one for one in plan.chosen if one not in files.outcomes]
    unfinished = await asyncio.to_thread(lambda: sum((spent_by(folder, one) for one in left), Spending()))
    report = report_of(plan.chosen, files.outcomes, queue.stopped, unfinished)
    write_report(folder, report)
    return report


async def _work(queue: Queue, parallel: int, limit_time: float | None, listen: Listener) -> None:
    """Let the queue work until it is done or stopped."""
    working = asyncio.create_task(queue.work(parallel))
    timer = None
    if limit_time is not None:
        timer = asyncio.get_running_loop().call_later(limit_time, queue.stop, Stop.TIME)
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


def _recount(files: Files, folder: Path) -> None:
    """Give outcomes, and their files, all that their issues have spent."""
    for name, known in list(files.outcomes.items()):
        files.outcomes[name] = recounted(folder, known)
        if files.outcomes[name] != known:
            write_outcome(folder, files.outcomes[name])


def _spent_before(plan: Plan, folder: Path, known: Mapping[str, Outcome]) -> dict[str, Spending]:
    """Return what earlier calls of the command have spent, on issues that ended and that did not."""
    return {
        place_of(folder, one).name: known[one].spent if one in known else spent_by(folder, one)
        for one in plan.chosen
    }


@asynccontextmanager
async def _executor(
    plan: Plan, given: Surroundings, known: Mapping[str, Spending], listen: Listener
) -> AsyncIterator[Executor]:
    if given.order.executor == "local":
        for issue, spent in known.items():
            given.commons.purse.put(issue, spent)
        yield LocalExecutor(given, plan.parallel)
        return
    from runs.batch.ray_executor import ray_executor

    async with ray_executor(given, known, listen) as executor:
        yield executor


@asynccontextmanager
async def _room(plan: Plan, given: Surroundings, listen: Listener) -> AsyncIterator[Room]:
    order = plan.order
    if order.executor != "local":  # nodes care for their own
        yield NoRoom()
        return

    def say(line: str) -> None:
        listen(Noticed(line))

    image = order.recipe.image
    names = {} if image else await asyncio.to_thread(image_names, plan.source, plan.waiting)
    engine = Engine(look, say) if _needs_engine(order.recipe.sandbox, [image, *names.values()]) else None
    if engine:
        await engine.ready()
    budget = None if order.disk_budget is None else int(order.disk_budget * 1e9)
    async with image_room(names, given.commons.pulls, plan.parallel, budget, say) as found:
        room = found or NoRoom()
        yield EngineAwaited(room, engine) if engine else room


def _needs_engine(sandbox: str, images: Iterable[str | None]) -> bool:
    """Whether issues run on Docker's engine: they are told to, or their images are no files here."""
    from sandbox.daemonless.images import is_local

    if sandbox == "auto":
        return any(image and not is_local(image) for image in images)
    return sandbox == "docker"


async def _sweep(listen: Listener) -> None:
    """Remove what killed runs have left on this machine, and what this one could not remove in time."""
    from sandbox.cleaning import clean_up

    found = await asyncio.to_thread(clean_up)
    if found.folders or found.containers or found.images:
        listen(Noticed(found.lines()[0]))
