"""The daemonless sandbox where the kernel allows it, Docker where not; decided at the first start.

An image that is no file here can only be Docker's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from sandbox.base import Limits, Root, Sandbox, SandboxError, SandboxHost, SandboxUnavailableError, Snapshot


class AutoHost:
    """Makes sandboxes of whichever kind works here."""

    name = "auto"

    def __init__(self, marks: Mapping[str, str] | None = None) -> None:
        self._marks = marks
        self._lock = asyncio.Lock()
        self._chosen: SandboxHost | None = None

    async def start(
        self, origin: Root | Snapshot, limits: Limits | None = None, *, network: bool = False
    ) -> Sandbox:
        """Start a sandbox; see `SandboxHost.start`."""
        limits = limits or Limits()
        async with self._lock:
            if self._chosen is None:
                return await self._choose(origin, limits, network=network)
        return await self._chosen.start(origin, limits, network=network)

    async def close(self) -> None:
        """Close every sandbox still open and drop every snapshot."""
        async with self._lock:
            if self._chosen is not None:
                await self._chosen.close()

    async def _choose(self, origin: Root | Snapshot, limits: Limits, *, network: bool) -> Sandbox:
        from sandbox.daemonless.host import DaemonlessHost
        from sandbox.daemonless.images import is_local

        root = origin if isinstance(origin, Root) else origin.root
        if root.image and not is_local(root.image):
            from sandbox.docker.host import DockerHost

            self._chosen = DockerHost(self._marks)
            self.name = self._chosen.name
            return await self._chosen.start(origin, limits, network=network)
        daemonless = DaemonlessHost()
        try:
            box: Sandbox = await daemonless.start(origin, limits, network=network)
        except SandboxUnavailableError as refusal:
            from sandbox.docker.host import DockerHost

            await daemonless.close()
            docker = DockerHost(self._marks)
            try:
                box = await docker.start(origin, limits, network=network)
            except SandboxError as error:
                await docker.close()
                raise SandboxUnavailableError(f"{refusal}; and Docker: {error}") from error
            except BaseException:
                await asyncio.shield(docker.close())
                raise
            self._chosen = docker
        except BaseException:
            await asyncio.shield(daemonless.close())
            raise
        else:
            self._chosen = daemonless
        self.name = self._chosen.name
        return box
