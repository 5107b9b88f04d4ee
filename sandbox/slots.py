"""How many of something go on at one time in a process, and a sandbox whose commands wait for their slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sandbox.base import ExecResult, Sandbox, Snapshot
from sandbox.work import Work, give_back, take, waiting


class Slots:
    """A bound on how many go on at one time.

    Attributes:
        name: what is bounded, for people.
        total: how many may.
        one: what is waited for, in words.
        waiting: how many wait.
    """

    def __init__(self, name: str, total: int, one: str = "") -> None:
        self.name = name
        self.total = total
        self.one = one or f"one of the {name}"
        self.waiting = 0
        self._gate = asyncio.Semaphore(total)
        self._holders: list[Work] = []

    @property
    def taken(self) -> int:
        """How many go on."""
        return len(self._holders)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a slot, and hold it for a block."""
        self.waiting += 1
        try:
            with waiting(self.one, lambda: self._holders):
                await self._gate.acquire()
        finally:
            self.waiting -= 1
        work = take()
        self._holders.append(work)
        try:
            yield
        finally:
            self._holders.remove(work)
            give_back(work)
            self._gate.release()

    def told(self) -> str:
        """Return its state in one line."""
        return f"{self.name}: {self.taken} of {self.total}, {self.waiting} wait"


class SlottedSandbox:
    """A sandbox whose commands, and those of its forks, each take a slot; their time begins with the slot.

    Only commands are bounded: nobody holds a slot while waiting for another.
    """

    def __init__(self, sandbox: Sandbox, slots: Slots) -> None:
        self._sandbox = sandbox
        self._slots = slots

    @property
    def workdir(self) -> str:
        """See `Sandbox.workdir`."""
        return self._sandbox.workdir

    async def exec(
        self,
        command: str | Sequence[str],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 (see `Sandbox.exec`)
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: str | None = None,
        stdin: bytes = b"",
        output: int | None = None,
    ) -> ExecResult:
        """See `Sandbox.exec`."""
        async with self._slots.turn():
            return await self._sandbox.exec(
                command, timeout=timeout, env=env, cwd=cwd, user=user, stdin=stdin, output=output
            )

    async def read(self, path: str) -> bytes:
        """See `Sandbox.read`."""
        return await self._sandbox.read(path)

    async def write(self, path: str, data: bytes) -> None:
        """See `Sandbox.write`."""
        await self._sandbox.write(path, data)

    async def upload(self, source: Path, target: str) -> None:
        """See `Sandbox.upload`."""
        await self._sandbox.upload(source, target)

    async def apply_patch(self, patch: str) -> None:
        """See `Sandbox.apply_patch`."""
        await self._sandbox.apply_patch(patch)

    async def diff(self) -> str:
        """See `Sandbox.diff`."""
        return await self._sandbox.diff()

    async def snapshot(self) -> Snapshot:
        """See `Sandbox.snapshot`."""
        return await self._sandbox.snapshot()

    async def fork(self) -> Sandbox:
        """See `Sandbox.fork`."""
        return SlottedSandbox(await self._sandbox.fork(), self._slots)

    async def restore(self, snapshot: Snapshot) -> None:
        """See `Sandbox.restore`."""
        await self._sandbox.restore(snapshot)

    async def alive(self) -> bool:
        """See `Sandbox.alive`."""
        return await self._sandbox.alive()

    async def close(self) -> None:
        """See `Sandbox.close`."""
        await self._sandbox.close()
