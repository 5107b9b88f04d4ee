"""The queue: issues side by side, failures of the machinery once more at the end, and the way to stop."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from runs.batch.outcome import Failure, Outcome
from runs.batch.steps import IssueBegan, IssueEnded, IssueLeft, IssueWent, Listener
from runs.ledger import RunSpentError
from runs.progress import Noticed, Progress


class Stop(enum.StrEnum):
    """Why a batch ended before its issues did."""

    INTERRUPTED = "interrupted"
    SPENT = "the run's budget is used"
    TIME = "the time is used"
    DISK = "the disk is full"


class Executor(Protocol):
    """Works on one issue, wherever that is.

    Attributes:
        parallel: how many at one time.
    """

    parallel: int

    async def run(self, instance_id: str, listen: Callable[[Progress], None]) -> Outcome:
        """Return an issue's outcome, which lies in the batch's folder then.

        Raises:
            RunSpentError: the run's purse is empty, and the issue is unfinished.
            OSError: the outcome cannot be written.
        """


class Room(Protocol):
    """Makes room for an issue before it begins, and takes it away where no other needs it."""

    async def before(self, instance_id: str) -> None:
        """Have what an issue needs here; what cannot be had shows itself when the issue begins.

        It is cancelled where the issue is not to begin any more.
        """

    async def after(self, instance_id: str, *, again: bool) -> None:
        """Let go of what no issue in the queue needs; `again` says that this one comes once more."""


class Queue:
    """Issues that wait, those under way, and those that failed and come once more.

    Attributes:
        stopped: why no further issue begins, None while they do.
        done: called with every outcome as it comes.
    """

    def __init__(
        self,
        waiting: Sequence[str],
        executor: Executor,
        room: Room,
        listen: Listener,
        done: Callable[[Outcome], None],
    ) -> None:
        self.stopped: Stop | None = None
        self._waiting = deque(waiting)
        self._executor = executor
        self._room = room
        self._listen = listen
        self._done = done
        self._failed: list[str] = []
        self._again = False
        self._working: asyncio.Task[None] | None = None
        self._making_room: set[asyncio.Task[None]] = set()

    async def work(self, parallel: int) -> None:
        """Work on all issues, so many at one time; those that fail are tried once more at the end.

        Raises:
            asyncio.CancelledError: it was stopped, and what was under way is unfinished.
            OSError: an outcome cannot be written.
        """
        self._working = asyncio.current_task()
        await self._all(parallel)
        if self._failed and not self.stopped:
            self._listen(Noticed(f"{len(self._failed)} issues failed by infrastructure: once more"))
            self._waiting, self._failed, self._again = deque(self._failed), [], True
            await self._all(parallel)

    def drain(self, reason: Stop) -> None:
        """Let no further issue begin, one that waits for room neither; those under way go on."""
        self.stopped = self.stopped or reason
        for task in self._making_room:
            task.cancel()

    def stop(self, reason: Stop) -> None:
        """Cut off what is under way; everything paid for is in the journals."""
        self.drain(reason)
        if self._working is not None:
            self._working.cancel()

    async def _all(self, parallel: int) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(min(parallel, len(self._waiting))):
                group.create_task(self._worker(), name=f"issue worker {number}")

    async def _worker(self) -> None:
        while self._waiting and not self.stopped:
            await self._one(self._waiting.popleft())

    async def _one(self, instance_id: str) -> None:
        self._listen(IssueBegan(instance_id, self._again))
        try:
            await self._make_room(instance_id)
            if self.stopped:  # while it waited for room
                self._listen(IssueLeft(instance_id, self.stopped))
                return
            outcome = await self._executor.run(
                instance_id, lambda progress: self._listen(IssueWent(instance_id, progress))
            )
        except RunSpentError as error:
            self.drain(Stop.SPENT)
            self._listen(IssueLeft(instance_id, str(error)))
            return
        if outcome.failure is Failure.DISK:  # what further issues paid for could not be recorded
            self.drain(Stop.DISK)
        again = not outcome.is_final and not self._again
        if again:
            self._failed.append(instance_id)
        self._done(outcome)
        self._listen(IssueEnded(outcome))
        await self._room.after(instance_id, again=again)

    async def _make_room(self, instance_id: str) -> None:
        """Wait for room, or until the queue is stopped: a registry may take its time."""
        making = asyncio.create_task(self._room.before(instance_id), name=f"room for {instance_id}")
        self._making_room.add(making)
        try:
            await asyncio.wait([making])
        finally:
            self._making_room.discard(making)
            making.cancel()
        if not making.cancelled():
            making.result()


@contextmanager
def signals_heard(queue: Queue, say: Callable[[str], None]) -> Iterator[None]:
    """Let the first interrupt drain a queue, and the second, or a request to end, stop it."""
    import signal

    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        if queue.stopped is Stop.INTERRUPTED:
            say("stopping; what is recorded is kept")
            queue.stop(Stop.INTERRUPTED)
            return
        say("interrupted: no further issue begins, those under way go on; once more to stop them")
        queue.drain(Stop.INTERRUPTED)
        queue.stopped = Stop.INTERRUPTED

    loop.add_signal_handler(signal.SIGINT, interrupted)
    loop.add_signal_handler(signal.SIGTERM, lambda: queue.stop(Stop.INTERRUPTED))
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)


class NoRoom:
    """Nothing to make room for: images are left to whoever needs them."""

    async def before(self, instance_id: str) -> None:
        """See `Room.before`."""

    async def after(self, instance_id: str, *, again: bool) -> None:
        """See `Room.after`."""
