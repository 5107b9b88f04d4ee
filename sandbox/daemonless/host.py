"""The maker of daemonless sandboxes on this machine."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import posixpath
import resource
import secrets
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.base import Limits, Root, SandboxError, Snapshot
from sandbox.daemonless.box import DaemonlessSandbox
from sandbox.daemonless.cgroups import ROOM_FOR_WARDEN, ControlGroup, make_control_group
from sandbox.daemonless.channel import Channel
from sandbox.daemonless.images import UnpackedImage, unpacked
from sandbox.daemonless.nursery import Zygote
from sandbox.daemonless.plan import COPY, FUSE, KERNEL, Plan, Report
from sandbox.daemonless.refusals import explain
from sandbox.daemonless.room import OVERLAY
from sandbox.daemonless.scratch import make_scratch, remove_scratch
from sandbox.home import default_home
from sandbox.inside import GIT_DIR

_GUEST_AS_ROOT = 64177
"""A user id that owns nothing on any usual host."""
_GUEST_IN_NAMESPACE = 1000
_SPARE_MEMORY = 4
"""This part of the memory is kept from files, which are memory too, so that the warden never starves."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Layers:
    """The folders of a snapshot, oldest first, and the way in which they make a tree."""

    names: tuple[str, ...]
    layering: str


class DaemonlessHost:
    """Makes sandboxes of Linux namespaces; needs no daemon and no program but the host's own /usr.

    A root may name an image in a file or folder, whose programs are then used instead of the host's.
    """

    name = "daemonless"

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._zygote: Zygote | None = None
        self._scratch: Path | None = None
        self._snapshots: dict[str, _Layers] = {}
        self._images: dict[str, UnpackedImage] = {}
        self._open: set[DaemonlessSandbox] = set()
        self._layering = KERNEL
        """The first way that worked; those before it have been refused."""
        self._warned: set[str] = set()
        self._closed = False

    async def start(
        self, origin: Root | Snapshot, limits: Limits | None = None, *, network: bool = False
    ) -> DaemonlessSandbox:
        """Start a sandbox; see `SandboxHost.start`."""
        limits = limits or Limits()
        zygote, scratch = await self._ready()
        root = origin if isinstance(origin, Root) else origin.root
        layers = None if isinstance(origin, Root) else self._layers(origin)
        image = await self._image(root)
        group = make_control_group(limits)
        try:
            plan = _plan(root, image, layers, limits, group, scratch, network=network)
            channel, plan = await self._build(zygote, plan, self._ways(plan, layers))
        except BaseException:
            if group is not None:
                await asyncio.to_thread(group.remove)
            raise
        box = DaemonlessSandbox(self, root, limits, channel, group, plan)
        self._open.add(box)
        if self._closed:
            await asyncio.shield(box.close())
            raise SandboxError("the sandbox host was closed while a sandbox started; open another")
        return box

    async def close(self) -> None:
        """Close every sandbox still open and drop every snapshot."""
        self._closed = True
        await asyncio.gather(*(box.close() for box in list(self._open)))
        async with self._lock:
            zygote, self._zygote = self._zygote, None
            scratch, self._scratch = self._scratch, None
        if zygote is not None:
            await asyncio.to_thread(zygote.close)
        if scratch is not None:
            await asyncio.to_thread(remove_scratch, scratch)

    def image_environment(self, root: Root) -> Mapping[str, str]:
        """Return the environment that a root's image asks for."""
        return self._images[root.image].environment if root.image else {}

    def new_layer(self) -> str:
        """Return the name of a layer that does not exist yet."""
        return secrets.token_hex(4)

    def keep(self, root: Root, layers: tuple[str, ...], layering: str) -> Snapshot:
        """Return a snapshot made of layers, which are to be put together as they came about."""
        token = secrets.token_hex(8)
        self._snapshots[token] = _Layers(layers, layering)
        return Snapshot(root, token)

    def forget(self, box: DaemonlessSandbox) -> None:
        """Note that a sandbox has been closed."""
        self._open.discard(box)

    def _layers(self, snapshot: Snapshot) -> _Layers:
        if snapshot.token not in self._snapshots:
            raise SandboxError("the snapshot belongs to another sandbox host; start from its root instead")
        return self._snapshots[snapshot.token]

    async def _image(self, root: Root) -> UnpackedImage:
        if root.image is None:
            return UnpackedImage(())
        async with self._lock:
            if root.image not in self._images:
                store = default_home() / "layers"
                self._images[root.image] = await asyncio.to_thread(unpacked, root.image, store)
            return self._images[root.image]

    async def _ready(self) -> tuple[Zygote, Path]:
        if self._closed:
            raise SandboxError("the sandbox host is closed; open another")
        async with self._lock:
            if self._scratch is None:
                self._scratch = await asyncio.to_thread(make_scratch)
            if self._zygote is not None and not self._zygote.alive:
                self._zygote.close()
                self._zygote = None
            if self._zygote is None:
                self._zygote = Zygote(self._scratch / "zygote.log")
            return self._zygote, self._scratch

    def _ways(self, plan: Plan, layers: _Layers | None) -> tuple[str, ...]:
        """Return the ways in which a sandbox may get its tree, the best first."""
        if layers is not None:
            return (layers.layering,)
        if plan.user_namespace and Path(plan.tree).stat().st_uid != os.geteuid():
            self._warn(f"another user owns {plan.tree}: each sandbox copies all of it; make it your own")
            return (COPY,)
        ways = (KERNEL, *((FUSE,) if plan.fuse else ()), *(() if plan.image else (COPY,)))
        return ways[ways.index(self._layering) :] if self._layering in ways else ways[-1:]

    async def _build(self, zygote: Zygote, plan: Plan, ways: tuple[str, ...]) -> tuple[Channel, Plan]:
        """Build a sandbox in the first way that is not refused."""
        refusals: list[str] = []
        for way in ways:
            plan = plan._replace(layering=way)
            channel, report = await _build(zygote, plan)
            if report.kind == "done":
                self._note(way, refusals)
                return channel, plan
            if not report.message.startswith(OVERLAY):
                break
            refusals.append(report.message)
        raise explain(report, plan)

    def _note(self, way: str, refusals: list[str]) -> None:
        """Remember the way that works, and say aloud when it is the last resort."""
        if not refusals or way == self._layering:
            return
        self._layering = way
        reasons = "; ".join(refusals)
        if way == FUSE:
            _log.info("the kernel refuses overlays here (%s): fuse-overlayfs mounts them", reasons)
        else:
            self._warn(
                f"overlays are refused here ({reasons}): each sandbox copies its whole tree; install "
                "fuse-overlayfs and let this user open /dev/fuse, or use --sandbox docker"
            )

    def _warn(self, text: str) -> None:
        """Warn once of a thing that will be so for every sandbox."""
        if text not in self._warned:
            self._warned.add(text)
            _log.warning("%s", text)


async def _build(zygote: Zygote, plan: Plan) -> tuple[Channel, Report]:
    ours, wardens = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = Channel(ours)
    try:
        with wardens:
            zygote.fork_warden(plan, wardens)
        report = await channel.greeting()
    except BaseException:
        await channel.close()
        raise
    if report.kind != "done":
        await channel.close()
    return channel, report


def _plan(
    root: Root,
    image: UnpackedImage,
    layers: _Layers | None,
    limits: Limits,
    group: ControlGroup | None,
    scratch: Path,
    *,
    network: bool,
) -> Plan:
    namespace = not _privileged()
    guest = _GUEST_IN_NAMESPACE if namespace else _GUEST_AS_ROOT
    tree = _existing(root.tree)
    mounts = [(_inside(path), str(_existing(host))) for path, host in sorted(root.mounts.items())]
    mounts.append((GIT_DIR, str(_existing(root.git_dir))))
    return Plan(
        scratch=str(scratch),
        image=[str(folder) for folder in image.layers],
        tree=str(tree),
        workdir=_inside(root.workdir),
        layers=list(layers.names) if layers else [],
        mounts=mounts,
        disk=min(limits.disk, limits.memory - limits.memory // _SPARE_MEMORY),
        files=limits.files,
        uid=guest,
        gid=guest,
        user_namespace=namespace,
        network=network,
        layering=KERNEL,
        fuse=shutil.which("fuse-overlayfs") or "",
        control_groups=group.entrances if group else [],
        limits=_resource_limits(limits, group),
    )


def _resource_limits(limits: Limits, group: ControlGroup | None) -> list[tuple[int, int]]:
    always = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, limits.disk),
        (resource.RLIMIT_NOFILE, 65536),
    ]
    if group is not None:
        return always
    return [
        *always,
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_NPROC, limits.processes + ROOM_FOR_WARDEN),
    ]


def _privileged() -> bool:
    """Whether this process may mount: root of the whole machine with its capabilities, not merely user 0."""
    status = Path("/proc/self/status").read_text()
    effective = next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:"))
    needed = sum(
        1 << capability for capability in (0, 1, 6, 7, 12, 21)
    )  # chown, dac, setgid, setuid, net, sys
    whole = Path("/proc/self/uid_map").read_text().split() == ["0", "0", str((1 << 32) - 1)]
    return os.geteuid() == 0 and whole and effective & needed == needed


def _inside(path: str) -> str:
    if not posixpath.isabs(path) or ".." in path.split("/") or posixpath.normpath(path) == "/":
        raise SandboxError(f"{path!r} is no place inside a sandbox; give an absolute path below /")
    return "/" + posixpath.normpath(path).lstrip("/")


def _existing(path: Path) -> Path:
    try:
        return path.resolve(strict=True)
    except OSError as error:
        raise SandboxError(
            f"a sandbox cannot start from {path}: {os.strerror(error.errno or errno.ENOENT)}"
        ) from error
