"""A warm room: one sandbox with a patch in place, brought back to that state between test runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox.base import Sandbox, SandboxError, Snapshot


class WarmRoom:
    """A fork of the base with a patch applied, in which one run at a time finds the files as they were.

    It is opened when first needed. Between runs it is restored, which the sandbox checks; where it cannot be,
    or has died, the next run gets a new fork.
    """

    def __init__(self, base: Sandbox, patch: str) -> None:
        self._base = base
        self._patch = patch
        self._turn = asyncio.Lock()
        self._box: Sandbox | None = None
        self._clean: Snapshot | None = None
        self._used = False

    @asynccontextmanager
    async def clean(self) -> AsyncIterator[Sandbox]:
        """Give the room for one run, as nothing but the patch has left it.

        Raises:
            PatchError: the patch does not apply.
            SandboxError: the sandbox failed; the next run gets another one.
        """
        async with self._turn:
            box = await self._ready()
            self._used = True
            try:
                yield box
            except SandboxError:
                await self._leave()
                raise

    async def close(self) -> None:
        """Let go of the sandbox; the room can be used again."""
        async with self._turn:
            await self._leave()

    async def _ready(self) -> Sandbox:
        if self._box is not None and self._used:
            await self._restore(self._box)
        if self._box is None:
            self._box, self._clean = await self._opened()
            self._used = False
        return self._box

    async def _restore(self, box: Sandbox) -> None:
        assert self._clean is not None
        try:
            await box.restore(self._clean)
        except SandboxError:
            await self._leave()

    async def _opened(self) -> tuple[Sandbox, Snapshot]:
        box = await self._base.fork()
        try:
            if self._patch:
                await box.apply_patch(self._patch)
            return box, await box.snapshot()
        except BaseException:
            await asyncio.shield(box.close())
            raise

    async def _leave(self) -> None:
        box, self._box = self._box, None
        if box is not None:
            await asyncio.shield(box.close())
