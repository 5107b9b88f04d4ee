"""The executor `ray`: each issue a Ray task on some node of a cluster, the same coroutine as in one process.

What all issues share (the purse, the pace of each endpoint) lives in one actor; every node has slots of its
own for its sandboxes and tests. Progress flows back through the actor. An issue whose node is lost is begun
again on another, and what it held of the shared things is given back. Each issue works in the batch's folder
where the nodes share it, else in a local one, whose files come back with the outcome.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from agent.budget import Answered, Call, SpentError
from agent.messages import Usage
from agent.models.errors import ModelError
from agent.models.pace import Turn
from agent.trajectory import ExitReason
from agent.waiting import off_the_clock
from runs.batch.issue import Surroundings, run_issue
from runs.batch.order import Order
from runs.batch.outcome import Failure, Outcome, Status, failure_of, place_of, read_outcome, write_outcome
from runs.batch.plan import plan
from runs.commons import Paces
from runs.failures import UsageError
from runs.ledger import RunSpentError
from runs.progress import Noticed, Progress
from runs.purse import RunPurse, Spending
from runs.recipe import Allowance
from sandbox.owners import new_name
from sandbox.work import ELSEWHERE

RESOURCE = "sandboxes"
"""Custom resource of nodes: the trajectories that one carries. Where no node has it, an issue takes a CPU."""
LOST = 3
"""Times an issue is begun again because its node was lost."""
_POLL = 0.5


class RemotePurse(RunPurse):
    """The run's purse as a node sees it: what is set aside and spent is told to the actor."""

    def __init__(self, commons: Any, issue: str) -> None:
        super().__init__(Allowance())
        self._commons = commons
        self._issue = issue

    def put(self, issue: str, spent: Spending) -> None:
        """See `RunPurse.put`."""
        self._commons.put.remote(issue, spent)

    @asynccontextmanager
    async def reserved(self, call: Call) -> AsyncIterator[Answered]:
        """See `Purse.reserved`.

        Raises:
            SpentError: it does not fit into what the run has left.
        """
        with off_the_clock("money of the run", lambda: (ELSEWHERE,)):
            ticket, over = await self._commons.reserve.remote(self._issue, call)
        if over is not None:
            raise SpentError(ExitReason(over[0]), over[1])
        told: list[tuple[float | None, Usage]] = []

        def answered(dollars: float | None, usage: Usage) -> None:
            self.prices.learn(call, dollars, usage)
            told.append((dollars, usage))

        try:
            yield answered
        finally:
            self._commons.release.remote(ticket, *told)


class RemotePace:
    """An endpoint's pace as a node sees it: turns are given by the actor."""

    def __init__(self, commons: Any, issue: str, name: str) -> None:
        self._commons = commons
        self._issue = issue
        self._name = name

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """See `agent.models.pace.Pace.turn`."""
        with off_the_clock(f"a turn at {self._name}", lambda: (ELSEWHERE,)):
            ticket = await self._commons.take_turn.remote(self._issue, self._name)
        turn = Turn(0.0)
        try:
            yield turn
        except ModelError as error:
            self._commons.end_turn.remote(ticket, turn.latency, type(error), str(error), error.retry_after)
            raise
        except BaseException:
            self._commons.end_turn.remote(ticket, turn.latency, None, "", None)
            raise
        self._commons.end_turn.remote(ticket, turn.latency, None, "", None)


class RemotePaces(Paces):
    """The paces of all endpoints as a node sees them."""

    def __init__(self, commons: Any, issue: str) -> None:
        super().__init__(1)
        self._commons = commons
        self._issue = issue

    def of(self, name: str) -> RemotePace:  # type: ignore[override]
        """See `Paces.of`."""
        return RemotePace(self._commons, self._issue, name)


class Shared:
    """What the issues of all nodes share; one Ray actor, whose methods run side by side in one loop."""

    def __init__(self, limit: Allowance, calls: int, known: Mapping[str, Spending]) -> None:
        self._purse = RunPurse(limit)
        self._paces = Paces(calls)
        self._held: dict[int, tuple[str, AbstractAsyncContextManager[Any], Any]] = {}
        self._begun: Counter[str] = Counter()
        self._next = 0
        self._told: list[tuple[str, Progress]] = []
        for issue, spent in known.items():
            self._purse.put(issue, spent)

    async def put(self, issue: str, spent: Spending) -> None:
        """See `RunPurse.put`."""
        before = self._purse.total
        self._purse.put(issue, spent)
        total = self._purse.total
        if (steps := total.steps - before.steps) > 0:
            tokens = (total.tokens - before.tokens) // steps
            self._purse.prices.remember((total.dollars - before.dollars) / steps, tokens)

    async def reserve(self, issue: str, call: Call) -> tuple[int, tuple[str, str] | None]:
        """Set aside what a call may cost, and return a ticket, or why it does not fit."""
        try:
            return await self._hold(issue, self._purse.reserved(call)), None
        except SpentError as error:
            return 0, (error.reason.value, error.words)

    async def take_turn(self, issue: str, name: str) -> int:
        """Wait for a turn at an endpoint, and return its ticket."""
        return await self._hold(issue, self._paces.of(name).turn())

    async def release(self, ticket: int, *told: tuple[float | None, Usage]) -> None:
        """Give back what was set aside, and learn what the call has cost."""
        if held := self._held.pop(ticket, None):
            for dollars, usage in told:
                held[2](dollars, usage)
            await held[1].__aexit__(None, None, None)

    async def end_turn(
        self,
        ticket: int,
        latency: float | None,
        kind: type[ModelError] | None,
        words: str,
        after: float | None,
    ) -> None:
        """End a turn, and tell the pace how it went."""
        if (held := self._held.pop(ticket, None)) is None:
            return
        _, turn, given = held
        given.latency = latency
        error = None if kind is None else kind(words, retry_after=after)
        with suppress(ModelError):
            await turn.__aexit__(kind, error, None)

    async def forget(self, issue: str) -> None:
        """Give back all that an issue holds or waits for: who worked on it is no more."""
        self._begun[issue] += 1
        for ticket in [ticket for ticket, held in self._held.items() if held[0] == issue]:
            await self.release(ticket)

    async def tell(self, instance_id: str, progress: Progress) -> None:
        """Keep what happened until the driver asks."""
        self._told.append((instance_id, progress))

    async def told(self) -> tuple[list[tuple[str, Progress]], Spending]:
        """Return what happened since the last time, and what is spent."""
        told, self._told = self._told, []
        return told, self._purse.total

    async def _hold(self, issue: str, entered: AbstractAsyncContextManager[Any]) -> int:
        begun = self._begun[issue]
        given = await entered.__aenter__()
        if begun != self._begun[issue]:  # who waited for it is no more
            await entered.__aexit__(None, None, None)
            return 0
        self._next += 1
        self._held[self._next] = issue, entered, given
        return self._next


def work_on(order: Order, instance_id: str, folder: str, home: str, shared: Any, *, local: bool) -> Any:
    """Work on one issue on a node.

    Returns:
        Its outcome, from a local folder its files, and why it was left where it has no outcome.
    """
    place = Path(tempfile.gettempdir()) / new_name() if local else Path(folder)  # swept where it is killed
    if local:
        place.mkdir(mode=0o700)
    try:
        return asyncio.run(_work_on(order, instance_id, place, Path(home), shared, local=local))
    finally:
        if local:
            shutil.rmtree(place, ignore_errors=True)


async def _work_on(
    order: Order, instance_id: str, folder: Path, home: Path, shared: Any, *, local: bool
) -> tuple[Outcome | None, dict[str, bytes], str]:
    found = plan(order.model_copy(update={"instances": (instance_id,), "slice": "", "shard": ""}), folder)
    commons = found.commons()
    given = Surroundings(
        order,
        found.source,
        found.source_name,
        folder,
        home,
        type(commons)(
            sandboxes=commons.sandboxes,
            tests=commons.tests,
            pulls=commons.pulls,
            paces=RemotePaces(shared, instance_id),
            limits=commons.limits,
            purse=RemotePurse(shared, instance_id),
            comes_again=commons.comes_again,
        ),
    )
    try:
        outcome = await run_issue(
            given, instance_id, lambda progress: shared.tell.remote(instance_id, progress)
        )
    except RunSpentError as error:
        return None, _files(place_of(folder, instance_id)) if local else {}, str(error)
    return outcome, _files(place_of(folder, instance_id)) if local else {}, ""


def _files(place: Path) -> dict[str, bytes]:
    return {str(one.relative_to(place)): one.read_bytes() for one in place.rglob("*") if one.is_file()}


class RayExecutor:
    """Works on issues on the nodes of a cluster."""

    def __init__(self, given: Surroundings, shared: Any, *, local: bool) -> None:
        self._given = given
        self._shared = shared
        self._local = local
        self._listeners: dict[str, Callable[[Progress], None]] = {}

    async def run(self, instance_id: str, listen: Callable[[Progress], None]) -> Outcome:
        """See `runs.batch.queue.Executor.run`."""
        import ray

        self._listeners[instance_id] = listen
        try:
            for lost in range(1 + LOST):
                try:
                    return await self._once(instance_id)
                except ray.exceptions.RayTaskError as error:  # it says what failed in the task itself
                    return await asyncio.to_thread(self._failed, instance_id, *failure_of(error.cause))
                except ray.exceptions.RayError as error:
                    await self._shared.forget.remote(instance_id)
                    listen(Noticed(f"its node was lost ({type(error).__name__}), {lost + 1} times so far"))
        finally:
            self._listeners.pop(instance_id, None)
        message = f"its node was lost {LOST + 1} times"
        return await asyncio.to_thread(self._failed, instance_id, Failure.NODE, message)

    async def _once(self, instance_id: str) -> Outcome:
        """Begin an issue on some node and wait for it."""
        import ray

        given = self._given
        places = str(given.folder.absolute()), str(given.home)
        task = _remote_task(given.order).remote(
            given.order, instance_id, *places, self._shared, local=self._local
        )
        try:
            outcome, files, left = await task
        except asyncio.CancelledError:
            ray.cancel(task, force=True)
            raise
        await asyncio.to_thread(self._merge, instance_id, files)
        if outcome is None:
            raise RunSpentError(left)
        return outcome  # type: ignore[no-any-return]

    async def pass_on(self) -> None:
        """Pass on what nodes tell, and what is spent, until cancelled."""
        while True:
            told, spent = await self._shared.told.remote()
            self._given.commons.purse.put("", spent)
            for instance_id, progress in told:
                if listen := self._listeners.get(instance_id):
                    listen(progress)
            await asyncio.sleep(_POLL)

    def _merge(self, instance_id: str, files: Mapping[str, bytes]) -> None:
        """Write the files of an issue that a node has worked on in a folder of its own; the outcome last."""
        place = place_of(self._given.folder, instance_id)
        for name in sorted(files, key=lambda one: one == "outcome.json"):
            target = place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_name(f".part-{target.name}")
            part.write_bytes(files[name])
            os.replace(part, target)  # noqa: PTH105 (one call, for a file that may exist)

    def _failed(self, instance_id: str, failure: Failure, message: str) -> Outcome:
        """Return, and write, the outcome of an issue that no node could bring to an end."""
        before = read_outcome(self._given.folder, instance_id)
        outcome = Outcome(
            instance_id=instance_id,
            status=Status.INFRASTRUCTURE,
            failure=failure,
            message=message,
            tried=1 + (before.tried if before else 0),
        )
        write_outcome(self._given.folder, outcome)
        return outcome


@asynccontextmanager
async def ray_executor(given: Surroundings, known: Mapping[str, Spending]) -> AsyncIterator[RayExecutor]:
    """Connect to a cluster, or start one on this machine, for the length of a block.

    Raises:
        UsageError: Ray is not installed, or no cluster answers.
    """
    try:
        import ray
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise UsageError('the executor ray needs Ray: pip install "mangabey[ray]"') from error
    order, began = given.order, not ray.is_initialized()
    if began:
        try:
            await asyncio.to_thread(
                ray.init, address=order.address or None, log_to_driver=False, include_dashboard=False
            )
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise UsageError(f"no Ray cluster answers at {order.address}: {reason}") from error
    try:
        # beside this process: its node may not be lost anyway
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        actor = ray.remote(num_cpus=0, max_concurrency=10_000, scheduling_strategy=here)(Shared)
        shared = actor.remote(order.limit, order.calls, dict(known))
        executor = RayExecutor(given, shared, local=not order.shared)
        passing = asyncio.create_task(executor.pass_on())
        try:
            yield executor
        finally:
            passing.cancel()
            ray.kill(shared)
    finally:
        if began:
            await asyncio.to_thread(ray.shutdown)


def _remote_task(order: Order) -> Any:
    """Return the Ray task of an issue, with what it takes of a node."""
    import ray

    each = min(order.recipe.parallel, sum(crew.samples for crew in order.recipe.crews))
    if RESOURCE in ray.cluster_resources():
        return ray.remote(num_cpus=0, resources={RESOURCE: each}, max_retries=0)(work_on)
    return ray.remote(num_cpus=1, max_retries=0)(work_on)
