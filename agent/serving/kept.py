"""One server process, kept by a keeper: it ends with its block, and with this program however that ends."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.serving import keeper

GRACE = 15.0
"""Seconds from SIGTERM to SIGKILL."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A running server process and the file that it logs into."""

    process: asyncio.subprocess.Process
    log: Path

    async def ended(self) -> int:
        """Wait for its end and return its exit code."""
        return await self.process.wait()


@asynccontextmanager
async def kept(command: Sequence[str], environment: Mapping[str, str], log: Path) -> AsyncIterator[Kept]:
    """Run a server for the length of a block; at its end the process and all its descendants are gone.

    Args:
        command: the program and its arguments.
        environment: what it has beside our own environment.
        log: gets what it prints, at its end.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", keeper.__file__, str(GRACE), *command),
            stdin=asyncio.subprocess.PIPE,
            stdout=out,
            stderr=out,
            env={**os.environ, **environment},
            start_new_session=True,  # Ctrl-C at a terminal is for us alone
        )
    try:
        yield Kept(process, log)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await _gone(process)


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Wait for the keeper's end, however often this is cancelled: it takes little more than GRACE."""
    waiting = asyncio.ensure_future(process.wait())
    cancelled = False
    while not waiting.done():
        try:
            await asyncio.shield(waiting)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
