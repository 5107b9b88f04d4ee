"""A Docker engine that is away pauses the queue: issues that began then would all fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from runs.batch.queue import Room
from sandbox.base import SandboxError

PATIENCE = 900.0
"""Seconds in which an engine may come back."""
FIRST_PATIENCE = 60.0
"""Seconds in which one may begin that was not there when the batch began."""
FIRST, LONGEST = 1.0, 15.0
"""Seconds between two looks, at first and at most."""


class Engine:
    """The engine that a batch works with.

    Args:
        look: raises a SandboxError or OSError where no engine answers.
        say: is told in one line what a person should know.
        patience: seconds to wait for it to come back.
        first: seconds to wait for one that has not answered yet.
    """

    def __init__(
        self,
        look: Callable[[], None],
        say: Callable[[str], None],
        patience: float = PATIENCE,
        first: float = FIRST_PATIENCE,
    ) -> None:
        self._look = look
        self._say = say
        self._patience = patience
        self._left = first
        self._one = asyncio.Lock()
        self._given_up = False

    async def ready(self) -> None:
        """Return when it answers, or when it has not come back in time: issues then say what is wrong."""
        async with self._one:
            await self._answer()

    async def _answer(self) -> None:
        why = await self._away()
        if not why:
            self._left, self._given_up = self._patience, False
            return
        if self._given_up:
            return
        self._say(f"no issue begins until the Docker engine answers, for {self._left:.0f} s at most: {why}")
        began, pause = time.monotonic(), FIRST
        while time.monotonic() - began < self._left:
            await asyncio.sleep(min(pause, self._left))
            pause = min(2 * pause, LONGEST)
            if not await self._away():
                self._left = self._patience
                self._say(f"the Docker engine answers, after {time.monotonic() - began:.0f} s")
                return
        self._given_up = True
        self._say("the Docker engine does not answer; issues begin all the same")

    async def _away(self) -> str:
        """Return why no engine answers, empty where one does."""
        try:
            await asyncio.to_thread(self._look)
        except (SandboxError, OSError) as error:
            return " ".join(str(error).split()) or type(error).__name__
        return ""


class EngineAwaited:
    """A room that lets no issue begin while the engine is away; see `runs.batch.queue.Room`."""

    def __init__(self, room: Room, engine: Engine) -> None:
        self._room = room
        self._engine = engine

    async def before(self, instance_id: str) -> None:
        """Wait for the engine, then make room."""
        await self._engine.ready()
        await self._room.before(instance_id)

    async def after(self, instance_id: str, *, again: bool) -> None:
        """See `Room.after`."""
        await self._room.after(instance_id, again=again)


def look() -> None:
    """Ask the engine for a sign of life.

    Raises:
        SandboxUnavailableError: none answers.
        OSError: the connection breaks.
    """
    from sandbox.docker.vessel import connect

    engine = connect(timeout=10)
    try:
        engine.ping()
    finally:
        engine.close()
