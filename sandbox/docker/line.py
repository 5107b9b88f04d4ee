"""The stream to a container's supervisor: orders go in, output and answers come out."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

_HEADER = 8
"""Bytes before each piece of the engine's stream: which channel, three unused, four of length."""
_PIECE = 1 << 16
_SENDING = 60.0
"""Seconds in which an order must be taken; a container that has ended may never take it."""
_ANSWER = 256
"""No answer of the supervisor is longer."""


class LineBrokenError(ConnectionError):
    """The stream ended; says nothing about the container."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The words of one answer: exit code, kills for want of memory so far, processes that are left."""

    code: int
    kills: int
    left: int


class Line:
    """One attached stream. One order is answered at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._piece = 0
        self._held = b""

    @classmethod
    async def open(cls, attached: socket.socket) -> Line:
        """Take over a socket on which the engine has attached a container."""
        plain = _relayed(attached) if isinstance(attached, ssl.SSLSocket) else attached
        plain.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=plain, limit=1 << 20)
        return cls(reader, writer)

    @property
    def broken(self) -> bool:
        """Whether the stream is known to have ended."""
        return self._reader.at_eof() or self._writer.is_closing()

    async def send(self, order: bytes) -> None:
        """Send an order.

        Raises:
            LineBrokenError: the stream has ended.
        """
        try:
            async with asyncio.timeout(_SENDING):
                self._writer.write(order)
                await self._writer.drain()
        except OSError as error:  # TimeoutError is one
            raise LineBrokenError("the stream to the container has ended") from error

    async def greeting(self) -> str:
        """Return the mode in which the supervisor runs, when it is ready.

        Raises:
            LineBrokenError: the stream ended before.
        """
        return (await self._words(b"ready ", lambda _: None))[0]

    async def answer(self, nonce: str, feed: Callable[[bytes], None]) -> Answer:
        """Return the answer behind a nonce, and hand on everything that comes before it.

        Raises:
            LineBrokenError: the stream ended before.
        """
        words = await self._words(f"{nonce} ".encode(), feed)
        try:
            code, kills, left = (int(word) for word in words)
        except ValueError as error:
            raise LineBrokenError("the supervisor answers nonsense") from error
        return Answer(code, kills, left)

    async def close(self) -> None:
        """Leave the stream; the container goes on."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _words(self, mark: bytes, feed: Callable[[bytes], None]) -> list[str]:
        while (place := self._held.find(mark)) < 0:
            keep = len(mark) - 1
            if len(self._held) > keep:
                feed(self._held[:-keep])
                self._held = self._held[-keep:]
            self._held += await self._more()
        if place:
            feed(self._held[:place])
        self._held = self._held[place + len(mark) :]
        while b"\n" not in self._held:
            if len(self._held) > _ANSWER:
                raise LineBrokenError("the supervisor answers nonsense")
            self._held += await self._more()
        line, _, self._held = self._held.partition(b"\n")
        return line.decode("ascii", "replace").split()

    async def _more(self) -> bytes:
        """Return the next bytes of the container's stdout."""
        try:
            while not self._piece:
                header = await self._reader.readexactly(_HEADER)
                self._piece = int.from_bytes(header[4:], "big")
            data = await self._reader.read(min(self._piece, _PIECE))
        except (OSError, asyncio.IncompleteReadError) as error:
            raise LineBrokenError("the stream to the container has ended") from error
        if not data:
            raise LineBrokenError("the stream to the container has ended")
        self._piece -= len(data)
        return data


def _relayed(secure: ssl.SSLSocket) -> socket.socket:
    """Return a plain socket behind which two threads carry bytes to and from an encrypted one."""
    ours, theirs = socket.socketpair()

    def carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError, ValueError):
            while data := source.recv(_PIECE):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    for ends in ((secure, theirs), (theirs, secure)):
        threading.Thread(target=carry, args=ends, daemon=True).start()
    return ours
