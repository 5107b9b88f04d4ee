"""The parts of a reply in a stream of server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

DONE = b"[DONE]"
TAIL = 0.25
"""Seconds a server may take to end its stream behind `[DONE]`, so that the connection can be used again."""


async def parts(chunks: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """Give the JSON of each event, up to `[DONE]` or the end of the stream.

    The SDK's reader hangs up at `[DONE]`, and every call would need a connection of its own.

    Raises:
        json.JSONDecodeError: an event is no JSON.
    """
    async for data in _events(chunks):
        if data.startswith(DONE):
            with suppress(TimeoutError):
                async with asyncio.timeout(TAIL):
                    async for _ in chunks:
                        pass
            return
        yield json.loads(data)


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give the data of each event; comments, and fields other than `data`, are passed over."""
    data: list[bytes] = []
    async for line in _lines(chunks):
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line and data:
            yield b"\n".join(data)
            data = []
    if data:  # a last event that no empty line closes
        yield b"\n".join(data)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give the lines, whatever ends them, without their ends."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
    if rest:
        yield rest.removesuffix(b"\r")
