"""A fork that closes itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox.base import Sandbox


@asynccontextmanager
async def forked(sandbox: Sandbox) -> AsyncIterator[Sandbox]:
    """Fork a sandbox for the length of a `with` block; the fork is closed whatever ends the block.

    Raises:
        SandboxError: it cannot be forked.
    """
    fork = await sandbox.fork()
    try:
        yield fork
    finally:
        await asyncio.shield(fork.close())
