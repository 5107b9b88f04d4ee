"""The maker of Docker sandboxes on one engine."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.base import Limits, Root, SandboxError, Snapshot
from sandbox.docker import containers, delta, tidy
from sandbox.docker.box import DockerSandbox
from sandbox.docker.command import guest_run
from sandbox.docker.containers import Shape
from sandbox.docker.delta import Delta
from sandbox.docker.images import environment_of, find_image
from sandbox.docker.spares import Spares
from sandbox.docker.sweep import sweep
from sandbox.docker.tree import put_tree
from sandbox.docker.vessel import THREADS, Engine, NotSealedError, Vessel, connect, launch
from sandbox.owners import new_name, retire
from sandbox.run import ROOT

if TYPE_CHECKING:
    from docker import DockerClient

T = TypeVar("T")
_log = logging.getLogger(__name__)

_STARTS = 8
"""Containers that are started at one time: more only wait for each other in the engine."""


@dataclass(frozen=True, slots=True)
class _Frozen:
    """A snapshot: an image, and what has changed since."""

    image: str
    delta: Delta | None = None


@dataclass(frozen=True, slots=True)
class _Template:
    """An image with a root's tree in place.

    `plain`: it has no program to seal the supervisor off. `roots`: what the guest can write in it.
    """

    image: str
    plain: bool
    roots: tuple[str, ...]


class DockerHost:
    """Makes sandboxes of containers; needs an engine that answers at DOCKER_HOST or the usual socket.

    Args:
        marks: labels of every container and image, such as the run and the issue they are for.
    """

    name = "docker"

    def __init__(self, marks: Mapping[str, str] | None = None) -> None:
        self._marks = containers.labels(new_name(), marks or {})
        self._lock = asyncio.Lock()
        self._starts = asyncio.Semaphore(_STARTS)
        self._engine: Engine | None = None
        self._templates: list[tuple[Root, asyncio.Future[_Template]]] = []
        self._environments: dict[str, Mapping[str, str]] = {}
        self._snapshots: dict[str, _Frozen] = {}
        self._images: list[str] = []
        self._open: set[DockerSandbox] = set()
        self._discarding: set[asyncio.Future[None]] = set()
        self._starting: set[asyncio.Future[Any]] = set()
        self._spares = Spares(self._launch)
        self._closed = False

    async def start(
        self, origin: Root | Snapshot, limits: Limits | None = None, *, network: bool = False
    ) -> DockerSandbox:
        """Start a sandbox; see `SandboxHost.start`. The root must name an image."""
        return await self.tracked(self._start(origin, limits or Limits(), network=network))

    async def _start(self, origin: Root | Snapshot, limits: Limits, *, network: bool) -> DockerSandbox:
        root = origin if isinstance(origin, Root) else origin.root
        vessel = await self.vessel_of(origin, limits, network=network)
        if self._closed:
            await asyncio.shield(vessel.remove())
            raise SandboxError("the sandbox host was closed while a sandbox started; open another")
        box = DockerSandbox(self, vessel, root, limits, network=network)
        self._open.add(box)
        return box

    async def tracked(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what starts containers, such that closing the host waits for it; cancelled, it is undone."""
        task = asyncio.ensure_future(work)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.shield(asyncio.gather(task, return_exceptions=True))
            raise

    async def vessel_of(self, origin: Root | Snapshot, limits: Limits, *, network: bool) -> Vessel:
        """Return a running container with the files of a root or snapshot, a spare where there is one.

        Raises:
            SandboxError: it cannot be started, or its files are not those of the snapshot.
        """
        await self._ready()
        root = origin if isinstance(origin, Root) else origin.root
        template = await self._template(root)
        frozen = _Frozen(template.image) if isinstance(origin, Root) else self._frozen(origin)
        shape = Shape(frozen.image, root, limits, network, template.plain)
        vessel = await self._spares.take(shape) or await self._launch(shape)
        try:
            if frozen.delta is not None:
                await delta.put(guest_run(vessel), frozen.delta)
        except BaseException:
            await asyncio.shield(vessel.remove())
            raise
        return vessel

    async def freeze(self, vessel: Vessel, root: Root) -> Snapshot:
        """Return a snapshot of a container in which nothing runs: its changes, or an image of many."""
        template = await self._template(root)
        frozen = None
        known = vessel.shape.image == template.image and not vessel.by_root
        if template.roots and known:
            with suppress(delta.CannotCarryError):
                frozen = _Frozen(
                    vessel.shape.image,
                    await delta.take(
                        guest_run(vessel), (*template.roots, delta.MEMORY), vessel.shape.most_input
                    ),
                )
        return self._keep(root, frozen or await self._commit(vessel))

    async def freeze_whole(self, vessel: Vessel, root: Root) -> Snapshot:
        """Return a snapshot that is an image, whatever has changed."""
        return self._keep(root, await self._commit(vessel))

    async def look(self, vessel: Vessel, root: Root) -> tidy.Seen | None:
        """Return what a container's files look like; None where the guest could make that look right."""
        template = await self._template(root)
        if vessel.by_root or template.plain or not tidy.trustworthy(template.roots):
            return None
        return await tidy.look(guest_run(vessel), template.roots)

    async def tidy(self, vessel: Vessel, root: Root, before: tidy.Seen) -> bool:
        """Remove what is new in a container and return whether all is as it was seen before."""
        if vessel.by_root:
            return False
        return await tidy.tidy(guest_run(vessel), (await self._template(root)).roots, before)

    def image_environment(self, root: Root) -> Mapping[str, str]:
        """Return the environment that a root's image asks for."""
        assert root.image is not None
        return self._environments.get(root.image, {})

    async def close(self) -> None:
        """Close every sandbox still open and drop every snapshot."""
        self._closed = True
        await self._spares.close()
        await asyncio.gather(
            *self._starting, *(making for _, making in self._templates), return_exceptions=True
        )
        await asyncio.gather(
            *(box.close() for box in list(self._open)), *self._discarding, return_exceptions=True
        )
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.ask(_drop, engine.client, list(self._images))
            engine.close()
        retire(self._marks[containers.OWNER])  # what an engine that was away has kept goes with a later sweep

    def discard(self, vessel: Vessel) -> None:
        """Remove a container that nobody uses any more, while others go on."""
        task = asyncio.ensure_future(vessel.remove())
        self._discarding.add(task)
        task.add_done_callback(self._discarding.discard)

    def forget(self, box: DockerSandbox) -> None:
        """Note that a sandbox has been closed."""
        self._open.discard(box)

    async def _commit(self, vessel: Vessel) -> _Frozen:
        memory = await delta.take_memory(guest_run(vessel), vessel.shape.most_input)
        image = await vessel.engine.ask(containers.commit, vessel.container, self._marks)
        self._images.append(image)
        return _Frozen(image, memory)

    def _keep(self, root: Root, frozen: _Frozen) -> Snapshot:
        token = secrets.token_hex(8)
        self._snapshots[token] = frozen
        return Snapshot(root, token)

    def _frozen(self, snapshot: Snapshot) -> _Frozen:
        if snapshot.token not in self._snapshots:
            raise SandboxError("the snapshot belongs to another sandbox host; start from its root instead")
        return self._snapshots[snapshot.token]

    async def _ready(self) -> Engine:
        if self._closed:
            raise SandboxError("the sandbox host is closed; open another")
        async with self._lock:
            if self._engine is None:
                engine = Engine(await asyncio.to_thread(connect), THREADS)
                await engine.ask(sweep, engine.client)
                engine.disk = await engine.ask(containers.disk_of, engine.client)
                self._engine = engine
            return self._engine

    async def _launch(self, shape: Shape) -> Vessel:
        async with self._starts:
            return await launch(await self._ready(), shape, self._marks)

    async def _template(self, root: Root) -> _Template:
        """Return the image with a root's tree, made once however many ask for it."""
        for known, making in self._templates:
            if known == root:
                return await asyncio.shield(making)
        making = asyncio.ensure_future(self._make_template(root))
        entry = (root, making)
        self._templates.append(entry)
        try:
            return await asyncio.shield(making)
        except Exception:  # of whatever kind: it is the caller's, and the failed making is nobody's
            if entry in self._templates:
                self._templates.remove(entry)  # the next start tries again
            raise

    async def _make_template(self, root: Root) -> _Template:
        engine = await self._ready()
        if root.image is None:
            raise SandboxError(
                "a Docker sandbox needs an image; name one with --image, for example python:3.11"
            )
        image = await engine.ask(find_image, engine.client, root.image)
        self._environments[root.image] = await engine.ask(environment_of, engine.client, image)
        shape = Shape(image, root, Limits(), network=False)
        try:
            vessel = await self._launch(shape)
        except NotSealedError as unsealed:
            _log.warning("%s: what runs in it can end its own sandbox and answer in its name", unsealed)
            vessel = await self._launch(replace(shape, plain=True))
        try:
            await engine.ask(
                put_tree, vessel.container, root, as_root=root.user == ROOT and not vessel.shape.plain
            )
            roots = await delta.writable_roots(guest_run(vessel))
            made = await engine.ask(containers.commit, vessel.container, self._marks)
        finally:
            await asyncio.shield(vessel.remove())
        self._images.append(made)
        return _Template(made, vessel.shape.plain, roots)


def _drop(engine: DockerClient, images: list[str]) -> None:
    from docker.errors import DockerException

    for image in reversed(images):
        try:
            engine.images.remove(image, force=True)
        except (DockerException, OSError):
            continue  # in use elsewhere, or no engine any more; the next start's sweep takes it
