"""The server: reads requests, hands each to the next act, and notes what was asked and who hung up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self


@dataclass(slots=True)
class Asked:
    """One request: what it said, and whether its client hung up before the answer was complete."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    hung_up: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Exchange:
    """One request and the means to answer it, in whole or as a stream of events."""

    def __init__(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.asked = asked
        self._writer = writer

    async def answer(self, status: int, body: Any, **headers: str) -> None:
        """Send a whole answer; text as it is, anything else as JSON. Names of headers have `_` for `-`."""
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        kind = "text/plain" if isinstance(body, str) else "application/json"
        fields = {"content-type": kind, "content-length": str(len(data)), **headers}
        self._head(status, fields)
        self._writer.write(data)
        await self._writer.drain()

    async def begin(self) -> None:
        """Send the head of a stream of events."""
        self._head(200, {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"})
        await self._writer.drain()

    async def event(self, data: Any) -> None:
        """Send one event; text as it is, anything else as JSON."""
        await self.raw(f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n")

    async def raw(self, text: str) -> None:
        """Send a piece of the stream, whatever it is."""
        data = text.encode()
        self._writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self._writer.drain()

    async def end(self) -> None:
        """End the stream as HTTP wants it."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def drop(self) -> None:
        """Break the connection."""
        self._writer.transport.abort()

    def _head(self, status: int, fields: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase if status in _PHRASES else 'Unknown'}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        self._writer.write("\r\n".join([*lines, "", ""]).encode())


_PHRASES = {int(status) for status in HTTPStatus}

Act = Callable[[Exchange], Awaitable[None]]
"""Answers one request."""


class Stub:
    """The server; use it with `async with`.

    Attributes:
        asked: the requests so far, in the order they came.
        open: requests that are being answered.
        most: the most that were open at one time.
        came: set by the first request.
        connections: how many were made so far.
        pages: acts of paths other than that of chat completions, e.g. `/v1/models`.
    """

    def __init__(self, port: int = 0) -> None:
        self.asked: list[Asked] = []
        self.open = 0
        self.most = 0
        self.came = asyncio.Event()
        self.connections = 0
        self.pages: dict[str, Act] = {}
        self._acts: list[Act] = []
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()

    def play(self, *acts: Act) -> None:
        """Answer the next chat completions by these acts, in order; the last goes on answering."""
        self._acts = list(acts)

    @property
    def address(self) -> str:
        """The address for clients, with `/v1`."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def connected(self) -> int:
        """How many connections stand at this moment."""
        return len(self._tasks)

    @property
    def chats(self) -> list[Asked]:
        """The chat completions among the requests."""
        return [asked for asked in self.asked if asked.path.endswith("/chat/completions")]

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=4096)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while (asked := await _read(reader)) is not None and await self._answer(asked, reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the connection is over, for whatever reason
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; return whether the connection stands and may bring another."""
        self.asked.append(asked)
        self.came.set()
        self.open += 1
        self.most = max(self.most, self.open)
        act = asyncio.ensure_future(self._act(asked)(Exchange(asked, writer)))
        hung_up = asyncio.ensure_future(reader.read(1))  # nothing comes while an answer is on its way
        try:
            await asyncio.wait((act, hung_up), return_when=asyncio.FIRST_COMPLETED)
            asked.hung_up = not act.done() or _broke(act)
            return not asked.hung_up and not writer.transport.is_closing()
        finally:
            self.open -= 1
            asked.over.set()
            for task in (act, hung_up):
                task.cancel()
                with suppress(asyncio.CancelledError, ConnectionError):
                    await task

    def _act(self, asked: Asked) -> Act:
        if not asked.path.endswith("/chat/completions"):
            return self.pages.get(asked.path, _nothing)
        if not self._acts:
            return _nothing
        return self._acts.pop(0) if len(self._acts) > 1 else self._acts[0]


async def _nothing(exchange: Exchange) -> None:
    await exchange.answer(404, {"detail": "Not Found"})


def _broke(act: asyncio.Future[None]) -> bool:
    return isinstance(act.exception(), ConnectionError)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    """Return the next request of a connection, None when there is none."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, json.loads(body) if body else None)
