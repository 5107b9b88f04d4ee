"""A running container with the line to its supervisor; a sandbox can leave one for another."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from sandbox.base import SandboxError, SandboxGoneError, SandboxUnavailableError
from sandbox.docker import containers
from sandbox.docker.containers import Shape
from sandbox.docker.gauge import Gauge
from sandbox.docker.line import Line, LineBrokenError

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE = 60.0
"""Seconds from the start of a container to its supervisor's greeting."""
_OVERFULL = 2
"""A container that has written so many times what it may must end."""
_CHANCES = 3
"""Commands that may make room before it does."""
_SILENCE = 15.0
"""Seconds in which a supervisor that is attached to anew must have ended everything and said so."""
THREADS = 16
"""Questions to the engine at one time."""


class NotSealedError(SandboxError):
    """The image has no program by which the supervisor could seal the guest off; it must run as the guest."""


class Engine:
    """The engine's client, asked in threads of our own, so many at a time and no more."""

    def __init__(self, client: DockerClient, threads: int) -> None:
        self.client = client
        self.disk = ""
        """The folder on this machine in which it keeps containers; empty where that is not known."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="docker")

    async def ask(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, lambda: call(*args, **kwargs))

    def close(self) -> None:
        """Let the threads and connections go."""
        self._pool.shutdown(wait=False)
        self.client.close()


def connect(timeout: float = 120.0) -> DockerClient:
    """Connect to the engine that DOCKER_HOST names, or to the usual socket.

    Raises:
        SandboxUnavailableError: none answers.
    """
    import docker
    from docker.errors import DockerException
    from docker.utils.utils import parse_host

    address = os.environ.get("DOCKER_HOST") or None
    try:
        _knock(str(parse_host(address)))
        return docker.from_env(timeout=int(timeout), max_pool_size=2 * THREADS)
    except (DockerException, OSError) as error:
        raise SandboxUnavailableError(
            f"no Docker engine answers at {address or 'the usual socket'} ({containers.brief(error)}); "
            "start one, set DOCKER_HOST, or use --sandbox daemonless"
        ) from error


def _knock(address: str) -> None:
    """Raise OSError when nobody listens at a local socket; the SDK would leave its end of it open."""
    scheme, _, path = address.partition("://")
    if scheme == "http+unix":
        with socket.socket(socket.AF_UNIX) as ours:
            ours.connect(path)


@dataclass
class Vessel:
    """A container that runs, what it is made to, and the line to its supervisor."""

    engine: Engine
    container: Container
    shape: Shape
    line: Line
    kills: int = 0
    """How often its processes have been ended for want of memory so far."""
    by_root: bool = False
    """Whether a command of its root has run, which may have changed anything."""
    removed: bool = False
    _overfull: int = 0
    _looking: asyncio.Task[None] | None = None
    gauge: Gauge = field(init=False)

    def __post_init__(self) -> None:
        self.gauge = Gauge(self.engine, self.container, self.shape.limits, self.shape.plain)

    def is_spent(self) -> bool:
        """Whether so much has been written, a command at a time, that it must end; asked before each."""
        self._overfull = self._overfull + 1 if self.gauge.share > _OVERFULL else 0
        return self._overfull > _CHANCES

    def look_soon(self) -> None:
        """Look how much it has written, in the background, where that is not known of late."""
        idle = self._looking is None or self._looking.done()
        if idle and not self.removed and self.gauge.is_old:
            self._looking = asyncio.create_task(self.gauge.look())

    async def reconnect(self) -> None:
        """Attach anew after the line broke, and end whatever still runs there.

        Raises:
            SandboxGoneError: the container does not run any more.
        """
        await self.line.close()
        found = await self.engine.ask(containers.state, self.container)
        if found != "running" or self.removed:
            raise SandboxGoneError(f"the container is {found}; start another sandbox")
        self.line = await Line.open(await self.engine.ask(containers.attach, self.container))
        if self.removed:
            await self.line.close()
            raise SandboxGoneError("the container is removed; start another sandbox")
        try:
            async with asyncio.timeout(_SILENCE):
                left = await self._end_all()
                while left:  # one that is still dying could take what the next one is told
                    await asyncio.sleep(0.01)
                    left = await self._end_all()
        except (LineBrokenError, TimeoutError) as error:
            await self.line.close()
            raise SandboxGoneError("the container does not answer; start another sandbox") from error

    async def _end_all(self) -> int:
        """End everything that runs, and return how many processes are left of it."""
        nonce = secrets.token_hex(16)
        await self.line.send(f"kill {nonce}\n".encode())
        return (await self.line.answer(nonce, lambda _: None)).left

    async def remove(self) -> None:
        """End the container and forget its files."""
        self.removed = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self.line.close()
        await self.engine.ask(containers.remove, self.container)


async def launch(engine: Engine, shape: Shape, marks: Mapping[str, str]) -> Vessel:
    """Start a container and wait for its supervisor; cancelled, it leaves none behind.

    Raises:
        NotSealedError: the supervisor cannot seal the guest off; start the shape's plain form.
        SandboxError: the engine refuses, or the image has no shell that works.
    """
    launching = asyncio.ensure_future(_launch(engine, shape, marks))
    try:
        return await asyncio.shield(launching)
    except asyncio.CancelledError:
        await asyncio.shield(_undo(launching))
        raise


async def _undo(launching: asyncio.Future[Vessel]) -> None:
    """Let a start that is under way come to its end, which a thread cannot be kept from, and take it back."""
    with suppress(SandboxError):
        vessel = await launching
        await vessel.remove()


async def _launch(engine: Engine, shape: Shape, marks: Mapping[str, str]) -> Vessel:
    container = await engine.ask(containers.create, engine.client, shape, marks)
    try:
        line = await Line.open(await engine.ask(containers.attach, container))
    except BaseException:
        await asyncio.shield(engine.ask(containers.remove, container))
        raise
    vessel = Vessel(engine, container, shape, line)
    try:
        await _greeted(vessel)
    except BaseException:
        await asyncio.shield(vessel.remove())
        raise
    return vessel


async def _greeted(vessel: Vessel) -> None:
    image = vessel.shape.root.image
    try:
        await vessel.engine.ask(containers.start, vessel.container)
        async with asyncio.timeout(_PATIENCE):
            mode = await vessel.line.greeting()
    except (LineBrokenError, TimeoutError) as error:
        found = await vessel.engine.ask(containers.state, vessel.container)
        raise SandboxError(f"the supervisor does not run in {image}: the container is {found}") from error
    if mode == "unsealed":
        raise NotSealedError(f"{image} has no setpriv, by which the supervisor could seal itself off")
