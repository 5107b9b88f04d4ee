"""How full a container is: bytes of what it has written, and files.

The engine tells the bytes. It tells no number of files but by a list of all their names, which a guest can
make as long as it likes. But the disk on which the engine keeps containers counts its files, at no cost:
while their growth during a container's commands is within the limit, so is the container. Beyond that the
container's own files are counted by a command inside. A guest can hinder that one; then the growth is
believed.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.docker import containers

if TYPE_CHECKING:
    from docker.models.containers import Container

    from sandbox.base import Limits
    from sandbox.docker.vessel import Engine

LOOK_EVERY = 1.0
"""Seconds between looks."""
_COUNTING = 30.0
"""Seconds after which a count is taken to be hindered."""


@dataclass
class Gauge:
    """What one container has written."""

    engine: Engine
    container: Container
    limits: Limits
    plain: bool
    _bytes: float = 0
    _files: int = 0
    """At most so many: those that were counted, and by how much the disk's have grown since."""
    _on_disk: int = 0
    _looked: float = 0.0

    @property
    def share(self) -> float:
        """How much of what it may write is written, in bytes or files: 1.0 is all."""
        return max(self._bytes / self.limits.disk, self._files / self.limits.files)

    @property
    def fullness(self) -> tuple[float, int]:
        """What must shrink while a guest makes room: its share, or, where that stays, what the disk holds.

        A container that cannot be measured is endlessly full until its last folder beyond the longest
        path is gone.
        """
        return self.share, bytes_on(self.engine.disk)

    @property
    def is_old(self) -> bool:
        """Whether it is some time since the last look."""
        return time.monotonic() - self._looked > LOOK_EVERY

    def begin(self) -> None:
        """Note that a command begins: what has happened on the disk before is not the container's."""
        self._on_disk = files_on(self.engine.disk)

    def grow(self) -> None:
        """Add what the disk's files have grown by."""
        before, self._on_disk = self._on_disk, files_on(self.engine.disk)
        self._files += max(0, self._on_disk - before)

    async def look(self) -> None:
        """Look how much has been written."""
        self.grow()
        await self._weigh()
        if self._files > self.limits.files:
            await self._count()
        self._looked = time.monotonic()

    async def _weigh(self) -> None:
        found = await self.engine.ask(containers.written, self.engine.client, self.container)
        self._bytes = self._bytes if found is None else found

    async def _count(self) -> None:
        """Count the files, for as long as there are not too many bytes meanwhile."""
        asked = self.engine.ask(containers.count_files, self.container, plain=self.plain)
        counting = asyncio.ensure_future(asked)
        deadline = time.monotonic() + _COUNTING
        try:
            while not counting.done() and self._bytes <= self.limits.disk and time.monotonic() < deadline:
                await asyncio.wait([counting], timeout=LOOK_EVERY)
                await self._weigh()
            found = counting.result() if counting.done() else None
        finally:
            counting.cancel()
        if found is not None:
            self.begin()
            self._files = found


def bytes_on(disk: str) -> int:
    """Return how many bytes of a folder's disk are used; 0 where it is elsewhere."""
    try:
        found = os.statvfs(disk)
    except OSError:
        return 0
    return (found.f_blocks - found.f_bfree) * found.f_frsize


def files_on(disk: str) -> int:
    """Return how many files there are on a folder's disk; 0 where it does not count them, or is elsewhere."""
    try:
        found = os.statvfs(disk)
    except OSError:
        return 0
    return found.f_files - found.f_ffree
