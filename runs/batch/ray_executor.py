"""The executor `ray`: each issue a Ray task on some node of a cluster, the same coroutine as in one process.

What all issues share (the purse, the pace of each endpoint, the slots of each node for its sandboxes and
tests) lives in one actor. Progress flows back through the actor. An issue whose node is lost is begun
again on another, and what it held of the shared things is given back. Each issue works in the batch's folder
where the nodes share it, else in a local one, which begins as the batch's folder has it and comes back
through the actor while the issue goes on.
"""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

from runs.batch.carried import Changes, charge_lost, held, write_pieces
from runs.batch.digests import digest_of_code
from runs.batch.issue import Surroundings, failed_outcome, kept, with_facts
from runs.batch.outcome import Failure, Outcome, failure_of, place_of
from runs.batch.ray_cluster import Share, connected, issues_on, nodes_of_cluster, remarks, share_of
from runs.batch.ray_commons import Shared
from runs.batch.ray_node import Attempt, work_on
from runs.batch.steps import Bounds, Listener
from runs.journal import Journal, JournalError
from runs.ledger import RunSpentError
from runs.progress import Noticed, Progress
from runs.purse import Spending

LOST = 3
"""Times an issue is begun again because its node was lost."""
GRACE = 10.0
"""Seconds that a node has to stop when its issue is called off."""
_POLL = 0.5


class RayExecutor:
    """Works on issues on the nodes of a cluster, so many at one time."""

    def __init__(
        self, given: Surroundings, shared: Any, parallel: int, listen: Listener, *, local: bool
    ) -> None:
        self.parallel = parallel
        self._given = given
        self._shared = shared
        self._listen = listen
        self._local = local
        self._listeners: dict[str, Callable[[Progress], None]] = {}
        self._hearing = asyncio.Lock()
        self._unwritten: dict[str, OSError] = {}

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
                except ray.exceptions.RayActorError as error:  # no other node would do better
                    message = f"the actor that all nodes share is gone ({type(error).__name__})"
                    return await asyncio.to_thread(self._failed, instance_id, Failure.NODE, message)
                except ray.exceptions.RayError as error:
                    listen(Noticed(f"its node was lost ({type(error).__name__}), {lost + 1} times so far"))
                    await self._charge_lost(instance_id)
        except (JournalError, OSError) as error:
            return await asyncio.to_thread(self._failed, instance_id, *failure_of(error))
        finally:
            self._listeners.pop(instance_id, None)
        message = f"its node was lost {LOST + 1} times"
        return await asyncio.to_thread(self._failed, instance_id, Failure.NODE, message)

    async def _once(self, instance_id: str) -> Outcome:
        """Begin an issue on some node, on from what is recorded of it, and wait for it."""
        key, code = secrets.token_hex(8), digest_of_code()
        if not self._local:
            return await self._attempted(Attempt(instance_id, key, None, code))
        place = place_of(self._given.folder, instance_id)
        with held(place):
            files = await asyncio.to_thread(Changes(place).take)
            return await self._attempted(Attempt(instance_id, key, files, code))

    async def _attempted(self, attempt: Attempt) -> Outcome:
        """Wait for an attempt, and write what it has brought, however it ends."""
        share = share_of(await asyncio.to_thread(nodes_of_cluster), self._given.order.recipe)
        task = self._begin(attempt, share)
        waiting = asyncio.create_task(self._say_when_waiting(attempt, share))
        try:
            outcome, left = await task
        except asyncio.CancelledError:
            await self._call_off(attempt.key, task)
            raise
        finally:
            waiting.cancel()
            await self._shared.forget.remote(attempt.key)
            await self.hear()
        if error := self._unwritten.get(attempt.key):
            raise error
        if outcome is None:
            raise RunSpentError(left)
        return outcome  # type: ignore[no-any-return]

    def _begin(self, attempt: Attempt, share: Share) -> Any:
        """Give an attempt to whichever node has room for it."""
        given = self._given
        recipe = given.order.recipe.model_copy(update={"parallel": share.trajectories})
        order = given.order.model_copy(update={"recipe": recipe})
        taken = {"num_cpus": 0, "resources": {share.resource: share.amount}}
        if share.resource == "CPU":
            taken = {"num_cpus": share.amount}
        places = str(given.folder.absolute()), str(given.home)
        return _task().options(**taken).remote(order, attempt, *places, self._shared)

    async def _say_when_waiting(self, attempt: Attempt, share: Share) -> None:
        """Say what an attempt waits for that no node begins, since its own time has not begun either."""
        seconds = self._given.order.quiet_seconds / 2
        await asyncio.sleep(seconds)
        if not await self._shared.is_begun.remote(attempt.key):
            line = f"still waiting: no node has had {share.words()} free for {seconds:.0f} s"
            self._listeners[attempt.instance_id](Noticed(line))

    async def _call_off(self, attempt: str, task: Any) -> None:
        """Let a node bring what it has recorded and close its sandboxes; end it where that takes long."""
        import ray

        try:
            async with asyncio.timeout(GRACE):
                if await self._shared.call_off.remote(attempt):
                    await task
        except (TimeoutError, ray.exceptions.RayError):
            pass  # what it has brought by now is kept
        finally:
            ray.cancel(task, force=True)

    async def _charge_lost(self, instance_id: str) -> None:
        """Keep what was spent on a lost node, which the next does not know of, beside what came back."""
        if not self._local:
            return
        place = place_of(self._given.folder, instance_id)
        told = await self._shared.spent_on.remote(place.name)
        with await asyncio.to_thread(Journal, place) as journal:
            await charge_lost(journal, told)

    async def pass_on(self) -> None:
        """Hear what nodes tell, again and again, until cancelled."""
        while True:
            await self.hear()
            await asyncio.sleep(_POLL)

    async def hear(self) -> None:
        """Pass on what nodes have told, write what they have brought, and take in what is spent."""
        await asyncio.shield(asyncio.ensure_future(self._hear()))  # what is fetched must be written

    async def _hear(self) -> None:
        async with self._hearing:
            told, brought, spent, bounds = await self._shared.told.remote()
            self._given.commons.purse.put("", spent)
            self._listen(Bounds(bounds))
            for instance_id, progress in told:
                if listen := self._listeners.get(instance_id):
                    listen(progress)
            for attempt, instance_id, pieces in brought:
                if attempt in self._unwritten:  # without what came before, it would make no journal
                    continue
                try:
                    await asyncio.to_thread(write_pieces, place_of(self._given.folder, instance_id), pieces)
                except OSError as error:
                    self._unwritten[attempt] = error
                    await self._shared.call_off.remote(attempt)

    def _failed(self, instance_id: str, failure: Failure, message: str) -> Outcome:
        """Return, and write, the outcome of an issue that no node could bring to an end."""
        given = self._given
        outcome = with_facts(failed_outcome(given, instance_id, failure, message), given.source)
        return kept(given.folder, outcome)


@functools.cache
def _task() -> Any:
    """Return `work_on` as Ray's: one for all issues, as each is sent to every worker."""
    import ray

    return ray.remote(max_retries=0)(work_on)


@asynccontextmanager
async def ray_executor(
    given: Surroundings, known: Mapping[str, Spending], listen: Listener
) -> AsyncIterator[RayExecutor]:
    """Connect to a cluster, or start one on this machine, for the length of a block.

    Args:
        given: what issues are given.
        known: what each has spent before, by the name of its folder.
        listen: is told how the recipe fits the cluster, and how full its limits are.

    Raises:
        UsageError: Ray is not installed, or no cluster answers.
    """
    order = given.order
    listen(Bounds("connecting to the cluster"))
    async with connected(order.address):
        import ray
        import ray.util.scheduling_strategies

        # beside this process: its node may not be lost anyway
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        actor = ray.remote(num_cpus=0, max_concurrency=10_000, scheduling_strategy=here)(Shared)
        shared = actor.remote(order.limit, order.calls, dict(known))
        nodes = await asyncio.to_thread(nodes_of_cluster)
        for line in remarks(nodes, order.recipe):
            listen(Noticed(line))
        parallel = order.parallel or max(1, issues_on(nodes, share_of(nodes, order.recipe)))
        executor = RayExecutor(given, shared, parallel, listen, local=not order.shared)
        passing = asyncio.create_task(executor.pass_on())
        try:
            yield executor
        finally:
            passing.cancel()
            with suppress(ray.exceptions.RayError):
                await executor.hear()
            ray.kill(shared)
