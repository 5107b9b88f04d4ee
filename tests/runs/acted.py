"""A stand-in for Ray's actors, for tests that need no cluster."""

from __future__ import annotations

import asyncio


class Actor:
    """Calls an object as Ray calls an async actor: a call goes on whoever waits for it, and in any order."""

    def __init__(self, shared, delays=()):
        self.shared = shared
        self._delays = list(delays)

    def __getattr__(self, name):
        method = getattr(self.shared, name)

        async def call(delay, *args):
            await asyncio.sleep(delay)
            return await method(*args)

        def remote(*args):
            calling = asyncio.create_task(call(self._delays.pop(0) if self._delays else 0, *args))
            return asyncio.shield(calling)

        return type("Method", (), {"remote": staticmethod(remote)})
