"""How many requests an endpoint gets at one time, learnt from how it answers.

Additive increase and multiplicative decrease (Chiu and Jain 1989), as TCP's congestion control has it:
doubling each round until the endpoint first refuses or slows down, one more a round from then on.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from agent.models.errors import (
    ConnectionLostError,
    DeadlineError,
    ModelError,
    ModelUnavailableError,
    RateLimitedError,
    ServerFailedError,
)
from agent.waiting import off_the_clock
from sandbox.work import ELSEWHERE, Work, give_back, take

CUT = 0.7
"""What is left of the limit after a refusal."""
DOWN = 5
"""Failures in a row, without an answer between them, after which an endpoint counts as down."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds until an endpoint that is down is tried again, doubling."""
GIVEN_UP = 1800.0
"""Seconds an endpoint may be down until those who wait for it are told so."""
WINDOW = 20
"""Answers whose median latency is looked at."""
SLOWER, SLOWER_BY = 4.0, 5.0
"""An endpoint is crowded where that median is so many times its best, and so many seconds above it."""


@dataclass(slots=True)
class Turn:
    """One sending: when it began, and its latency where that is not all of its time."""

    began: float
    latency: float | None = None


class Pace(Protocol):
    """Says when a request may be sent."""

    def turn(self) -> AbstractAsyncContextManager[Turn]:
        """Wait for a turn, and hold it for a block in which one request is sent; failures pass through."""


class FreePace:
    """Lets every request go at once."""

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """See `Pace.turn`."""
        yield Turn(time.monotonic())


class AdaptivePace:
    """As many requests at one time as an endpoint answers well.

    A refusal (429, 503 and other failures of the server) or answers that become much slower cut the limit,
    once for all requests that were under way. `Retry-After` holds everybody back. An endpoint that fails
    again and again is left alone, and then tried by one request at a time.

    Attributes:
        limit: requests at one time.
        running: requests under way.
        waiting: requests that wait for their turn.
    """

    def __init__(
        self, name: str, *, first: int = 8, most: int = 512, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self.limit = float(min(first, most))
        self.running = 0
        self._most = most
        self._clock = clock
        self._queue: deque[asyncio.Future[None]] = deque()
        self._holders: list[Work] = []
        self._alarm: asyncio.TimerHandle | None = None
        self._doubling = True
        self._last_cut = self._held_until = float("-inf")
        self._failures = 0
        self._down_since: float | None = None
        self._pause = FIRST_PAUSE
        self._last_down = float("-inf")
        self._latencies: deque[float] = deque(maxlen=WINDOW)
        self._best: float | None = None

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return len(self._queue)

    @property
    def is_down(self) -> bool:
        """Whether the endpoint counts as down."""
        return self._down_since is not None

    def told(self) -> str:
        """Return its state in one line."""
        left = self._held_until - self._clock()
        held = f", held back for {left:.0f} s more" if left > 0 else ""
        down = ", down" if self.is_down else ""
        return f"{self.name}: {self.running} of {int(self.limit)} calls, {self.waiting} wait{down}{held}"

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """See `Pace.turn`.

        Raises:
            ModelUnavailableError: the endpoint has been down for too long.
        """
        await self._enter()
        turn, work = Turn(self._clock()), take()
        self._holders.append(work)
        try:
            yield turn
        except ModelError as error:
            self._failed(error, turn)
            raise
        else:
            self._answered(turn)
        finally:
            self._holders.remove(work)
            give_back(work)
            self.running -= 1
            self._admit()

    async def _enter(self) -> None:
        if not self._queue and self._is_free():
            self.running += 1
            return
        place = asyncio.get_running_loop().create_future()
        self._queue.append(place)
        self._admit()
        try:
            with off_the_clock(f"a turn at {self.name}", self._held_by):
                await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.exception() is None:
                self.running -= 1  # its turn had come
            elif place in self._queue:
                self._queue.remove(place)
            self._admit()
            raise

    def _held_by(self) -> tuple[Work, ...]:
        """Return the work that keeps the endpoint busy; a server that is left alone keeps itself."""
        alone = (ELSEWHERE,) if self._clock() < self._held_until else ()
        return (*self._holders, *alone)

    def _is_free(self) -> bool:
        most = 1 if self.is_down else max(1, int(self.limit))
        return self._clock() >= self._held_until and self.running < most

    def _admit(self) -> None:
        """Give turns to those who wait, and look again once the endpoint may be asked again."""
        while self._queue and self._is_free():
            place = self._queue.popleft()
            if not place.done():
                self.running += 1
                place.set_result(None)
        left = self._held_until - self._clock()
        if self._queue and left > 0 and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(left, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self._admit()

    def _answered(self, turn: Turn) -> None:
        self._failures, self._down_since, self._pause = 0, None, FIRST_PAUSE
        self._latencies.append(self._clock() - turn.began if turn.latency is None else turn.latency)
        if self._is_crowded():
            self._cut(turn)
        elif self.running >= int(self.limit):  # else the limit has not been tried
            self.limit = min(self._most, self.limit + (1.0 if self._doubling else 1.0 / self.limit))

    def _is_crowded(self) -> bool:
        if len(self._latencies) < WINDOW:
            return False
        median = statistics.median(self._latencies)
        self._best = median if self._best is None else min(self._best, median)
        return median > SLOWER * self._best and median > self._best + SLOWER_BY

    def _failed(self, error: ModelError, turn: Turn) -> None:
        if not isinstance(error, RateLimitedError | ServerFailedError | ConnectionLostError | DeadlineError):
            return  # the endpoint has answered, whatever it said
        self._cut(turn)
        if error.retry_after is not None:
            self._hold(min(error.retry_after, LONGEST_PAUSE))
        if isinstance(error, RateLimitedError) or turn.began <= self._last_down:
            return
        self._failures += 1
        if self._failures >= DOWN or self.is_down:
            self._went_down()

    def _cut(self, turn: Turn) -> None:
        """Lower the limit, once for all requests that were under way together."""
        if turn.began <= self._last_cut:
            return
        self.limit, self._doubling = max(1.0, self.limit * CUT), False
        self._last_cut = self._clock()
        self._latencies.clear()

    def _went_down(self) -> None:
        now = self._clock()
        self._down_since = now if self._down_since is None else self._down_since
        self._last_down = now
        self._hold(self._pause)
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
        if now - self._down_since > GIVEN_UP:
            minutes = (now - self._down_since) / 60
            for place in self._queue:
                if not place.done():
                    words = f"{self.name} has not answered for {minutes:.0f} minutes; see to its server"
                    place.set_exception(ModelUnavailableError(words))
            self._queue.clear()

    def _hold(self, seconds: float) -> None:
        self._held_until = max(self._held_until, self._clock() + seconds)
