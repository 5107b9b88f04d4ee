"""How long a reply may keep us waiting: for a connection, its first token, and each part after it."""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Self

from agent.messages import Value
from agent.models.errors import DeadlineError


class Deadlines(Value):
    """Seconds a server may be silent: until the connection stands, until the first token, between parts.

    The first token's time counts from the sending, the connection's and the server's queue included. Between
    parts a tenth more may pass. A reply
    as a whole has no limit here: who asks for it sets one.
    """

    connect: float = 10.0
    first_token: float = 300.0
    idle: float = 60.0


class Watch:
    """Ends the block it guards when a deadline passes; `token()` says that a part of the reply came.

    Leaving the block because of it raises DeadlineError, with the deadline in words.

    Attributes:
        first_token: seconds from the start to the first part, None before it.
    """

    def __init__(self, name: str, deadlines: Deadlines) -> None:
        self.first_token: float | None = None
        self._name = name
        self._moved = -math.inf
        self._deadlines = deadlines
        self._clock = asyncio.get_running_loop().time
        self._timeout = asyncio.timeout(deadlines.first_token)

    async def __aenter__(self) -> Self:
        self._started = self._clock()
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as expired:
            raise self._passed() from expired

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._started

    def token(self) -> None:
        """Note that the server has sent a part of the reply."""
        now = self._clock()
        if self.first_token is None:
            self.first_token = now - self._started
        idle = self._deadlines.idle
        if (
            now >= self._moved + idle / 10 and not self._timeout.expired()
        ):  # to move it is dear, parts are many
            self._timeout.reschedule(now + idle * 1.1)
            self._moved = now

    def _passed(self) -> DeadlineError:
        if self.first_token is None:
            return DeadlineError(f"{self._name}: no first token within {self._deadlines.first_token:g} s")
        return DeadlineError(f"{self._name}: the reply stopped coming for {self._deadlines.idle:g} s")
