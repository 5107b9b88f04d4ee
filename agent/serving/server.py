"""One server, kept up: started, checked, and started again when it falls."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from agent.serving.addresses import is_healthy
from agent.serving.change import Change, State, Tell
from agent.serving.errors import ServingError
from agent.serving.kept import Kept, kept
from agent.serving.order import Pace
from agent.serving.symptoms import reason


@dataclass(frozen=True, slots=True)
class Server:
    """How a server is started and reached.

    Attributes:
        name: `replica 0`, `router`.
        command: the program and its arguments.
        environment: what it has beside our own environment.
        url: where it answers, without a path.
        log: the file that gets what it prints.
        pace: how patient its watch is.
    """

    name: str
    command: tuple[str, ...]
    url: str
    log: Path
    pace: Pace
    environment: Mapping[str, str] = field(default_factory=dict)

    def change(self, state: State, seconds: float = 0.0, detail: str = "") -> Change:
        """Return a change of this server."""
        return Change(self.name, state, f"{self.url}/v1", seconds, detail, str(self.log))


class _FallenError(ServingError):
    """A server fell after it had been healthy for some seconds; None where it never was."""

    def __init__(self, message: str, state: State, healthy: float | None) -> None:
        super().__init__(message)
        self.state = state
        self.healthy = healthy


async def keep_up(server: Server, tell: Tell, up: asyncio.Event) -> NoReturn:
    """Run a server until this is cancelled; then nothing of it is left.

    Args:
        server: what to run.
        tell: hears of each change.
        up: set at the first healthy answer.

    Raises:
        ServingError: it does not come up at first, or falls too often in a row.
    """
    server.log.parent.mkdir(parents=True, exist_ok=True)
    server.log.write_bytes(b"")
    falls = 0
    while True:
        try:
            await _run_once(server, tell, up)
        except _FallenError as fall:
            if not up.is_set():
                tell(server.change(fall.state, detail=str(fall)))
                raise ServingError(f"{server.name} did not start: {fall}; see {server.log}") from fall
            falls = 1 if (fall.healthy or 0) >= server.pace.steady else falls + 1
            if falls > server.pace.restarts:
                raise ServingError(
                    f"{server.name} fell {falls} times in a row, the last time: {fall}; see {server.log}"
                ) from fall
            delay = min(server.pace.longest_delay, server.pace.delay * 2 ** (falls - 1))
            detail = f"{fall}; start {falls} of {server.pace.restarts} again in {delay:g} s"
            tell(server.change(fall.state, fall.healthy or 0, detail))
            await asyncio.sleep(delay)


async def _run_once(server: Server, tell: Tell, up: asyncio.Event) -> NoReturn:
    """Start a server and watch it until it falls.

    Raises:
        _FallenError: it ended, or answers no more, or did not come up in time.
    """
    began, since, healthy = time.monotonic(), server.log.stat().st_size, 0.0
    tell(server.change("starting", detail=shlex.join(server.command)))
    try:
        async with kept(server.command, server.environment, server.log) as process:
            await _while_running(process, _first_answer(server))
            healthy = time.monotonic()
            tell(server.change("healthy", healthy - began))
            up.set()
            await _while_running(process, _last_answer(server))
    except _EndedError as end:
        lasted = time.monotonic() - healthy if healthy else None
        why = reason(server.log, since)
        told = f"it ended with exit code {end.code}"
        raise _FallenError(f"{told}: {why}" if why else told, "crashed", lasted) from None
    except TimeoutError:
        if not healthy:
            told = f"it was not healthy after {server.pace.start:g} s"
        else:
            told = f"it left {server.pace.misses} health checks unanswered"
        raise _FallenError(told, "hung", time.monotonic() - healthy if healthy else None) from None
    raise AssertionError("unreachable")


class _EndedError(Exception):
    """The process of a server ended by itself."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


async def _while_running(process: Kept, work: Coroutine[None, None, None]) -> None:
    """Do some work as long as a process runs.

    Raises:
        _EndedError: the process ended first.
    """
    working, ended = asyncio.ensure_future(work), asyncio.ensure_future(process.ended())
    try:
        await asyncio.wait((working, ended), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise _EndedError(ended.result())
        working.result()
    finally:
        working.cancel()
        ended.cancel()
        await asyncio.gather(working, ended, return_exceptions=True)


async def _first_answer(server: Server) -> None:
    async with asyncio.timeout(server.pace.start):
        while not await is_healthy(server.url, server.pace.answer):  # noqa: ASYNC110 (nothing tells of it)
            await asyncio.sleep(min(0.5, server.pace.check))


async def _last_answer(server: Server) -> None:
    """Check a server's health until it has left several checks in a row unanswered.

    Raises:
        TimeoutError: it has.
    """
    missed = 0
    while missed < server.pace.misses:
        await asyncio.sleep(server.pace.check)
        missed = 0 if await is_healthy(server.url, server.pace.answer) else missed + 1
    raise TimeoutError
