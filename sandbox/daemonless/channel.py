"""The host's end of a warden's socket."""

from __future__ import annotations

import array
import asyncio
import itertools
import socket
from collections.abc import Sequence

from sandbox.base import SandboxGoneError
from sandbox.daemonless.plan import Report, Request, pack, unpack

_LARGEST = 1 << 17
_PATIENCE = 30.0
"""Seconds that ending everything may take; afterwards the warden is left to itself."""
_LAST_WORDS = 10.0
"""Seconds for a killed job to be reported: the kernel may have much memory to free."""


class Channel:
    """Sends requests to a warden and hands each report to whoever waits for it."""

    def __init__(self, endpoint: socket.socket) -> None:
        endpoint.setblocking(False)
        self._socket = endpoint
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, asyncio.Future[Report]] = {}
        self._numbers = itertools.count(1)
        self._ended = asyncio.Event()
        self._loop.add_reader(endpoint, self._readable)

    @property
    def alive(self) -> bool:
        """Whether the warden still holds its end."""
        return not self._ended.is_set()

    async def greeting(self) -> Report:
        """Return how the building went; to be called at once."""
        waiter: asyncio.Future[Report] = self._loop.create_future()
        self._waiting[0] = waiter
        return await waiter

    async def ask(
        self, verb: str, descriptors: Sequence[int] = (), layer: str = "", seconds: float = 0.0
    ) -> Report:
        """Have a job done and return how it ended; a cancelled job is killed, and has ended on return.

        Raises:
            SandboxGoneError: the warden is gone.
        """
        job = next(self._numbers)
        waiter: asyncio.Future[Report] = self._loop.create_future()
        self._waiting[job] = waiter
        try:
            await self._send(Request(verb, job, layer, seconds), descriptors)
            return await waiter
        finally:
            if not waiter.done() or waiter.cancelled():
                await self._kill(job)

    async def close(self) -> None:
        """Tell the warden to end everything and wait until it has."""
        if self.alive:
            self._socket.shutdown(socket.SHUT_WR)
            try:
                async with asyncio.timeout(_PATIENCE):
                    await self._ended.wait()
            except TimeoutError:
                self._end()

    async def _kill(self, job: int) -> None:
        if not self.alive:
            return
        last: asyncio.Future[Report] = self._loop.create_future()
        self._waiting[job] = last
        await self._send(Request("kill", job), ())
        await asyncio.wait([last], timeout=_LAST_WORDS)

    async def _send(self, request: Request, descriptors: Sequence[int]) -> None:
        rights = (
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        )
        while self.alive:
            try:
                self._socket.sendmsg([pack(request)], rights)
            except BlockingIOError:
                await asyncio.sleep(0.001)
            except OSError:
                break
            else:
                return
        raise SandboxGoneError("the sandbox is gone; start another")

    def _readable(self) -> None:
        try:
            data = self._socket.recv(_LARGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end()
            return
        report = unpack(Report, data)
        waiter = self._waiting.pop(report.job, None)
        if waiter is not None and not waiter.done():
            waiter.set_result(report)

    def _end(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()
        self._ended.set()
        for waiter in self._waiting.values():
            if not waiter.done():
                waiter.set_exception(SandboxGoneError("the sandbox died; start another"))
                waiter.exception()  # whoever waits still gets it; nobody may wait any more
        self._waiting.clear()
