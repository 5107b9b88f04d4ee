"""Containers kept ready: a start takes the engine a quarter of a second, taking one takes nothing."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sandbox.base import SandboxError
from sandbox.docker.containers import Shape
from sandbox.docker.vessel import Vessel

READY = 2
"""Spares of one shape."""
_SHAPES = 2
"""Shapes of which spares are kept: the last ones asked for."""


class Spares:
    """Started containers by their shape; made in the background, one more for each that is taken."""

    def __init__(self, make: Callable[[Shape], Awaitable[Vessel]]) -> None:
        self._make = make
        self._ready: OrderedDict[Shape, list[Vessel]] = OrderedDict()
        self._making: dict[asyncio.Task[None], Shape | None] = {}
        """What goes on in the background: the shape that is made, None for a spare that is removed."""
        self._closed = False

    async def take(self, shape: Shape) -> Vessel | None:
        """Return a spare, None where there is none yet, and have the next ones made."""
        spares = self._ready.setdefault(shape, [])
        self._ready.move_to_end(shape)
        vessel = None
        while spares and vessel is None:
            vessel = spares.pop(0)
            if vessel.line.broken:  # ended from outside meanwhile
                await _drop(vessel)
                vessel = None
        self._refill(shape)
        return vessel

    async def close(self) -> None:
        """Remove all spares and make no more."""
        self._closed = True
        await asyncio.gather(*self._making, return_exceptions=True)
        spares = [vessel for each in self._ready.values() for vessel in each]
        self._ready.clear()
        await asyncio.gather(*(vessel.remove() for vessel in spares), return_exceptions=True)

    def _refill(self, shape: Shape) -> None:
        while not self._closed and len(self._ready) > _SHAPES:
            _, old = self._ready.popitem(last=False)
            for vessel in old:
                self._watch(asyncio.create_task(_drop(vessel)), None)
        missing = READY - len(self._ready[shape]) - list(self._making.values()).count(shape)
        for _ in range(0 if self._closed else missing):
            self._watch(asyncio.create_task(self._add(shape)), shape)

    def _watch(self, task: asyncio.Task[None], shape: Shape | None) -> None:
        self._making[task] = shape
        task.add_done_callback(lambda done: self._making.pop(done, None))

    async def _add(self, shape: Shape) -> None:
        with suppress(SandboxError):  # whoever needs one gets the reason when starting it
            vessel = await self._make(shape)
            if self._closed or shape not in self._ready:
                await asyncio.shield(vessel.remove())
            else:
                self._ready[shape].append(vessel)


async def _drop(vessel: Vessel) -> None:
    with suppress(SandboxError):  # the next start's sweep takes what stays behind
        await vessel.remove()
