"""The Docker sandbox: a container per sandbox, an image per snapshot, an `exec` per command.

The container's main process is root's, without any capability; commands run as an ordinary user, who can
signal none but their own. So "end everything" is a signal to all processes of that user. Commands of one
sandbox run one after the other.
"""

from __future__ import annotations

import asyncio
import tarfile
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sandbox.base import (
    ExecResult,
    Limits,
    Root,
    SandboxError,
    SandboxGoneError,
    SandboxUnavailableError,
    Snapshot,
    Status,
)
from sandbox.docker_exec import Exchange, check_alive, user_signal
from sandbox.files import read_file, write_file
from sandbox.gitdiff import apply_patch, working_diff
from sandbox.inside import AGENT_HOME, GIT_DIR
from sandbox.output import Output
from sandbox.owners import is_orphan, new_name
from sandbox.run import absolute, to_argv, to_environment

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_GUEST = 1000
_LABEL = "mangabey.owner"
_GRACE = 1.0
_IN_MEMORY = 64 << 20
_MISSING = 127


class DockerHost:
    """Makes sandboxes of containers; needs an engine that answers at DOCKER_HOST or the usual socket."""

    name = "docker"

    def __init__(self) -> None:
        self._owner = new_name()
        self._lock = asyncio.Lock()
        self._engine: DockerClient | None = None
        self._images: set[str] = set()
        self._open: set[DockerSandbox] = set()

    async def start(
        self, origin: Root | Snapshot, limits: Limits | None = None, *, network: bool = False
    ) -> DockerSandbox:
        """Start a sandbox; see `SandboxHost.start`. The root must name an image."""
        limits = limits or Limits()
        root = origin if isinstance(origin, Root) else origin.root
        if root.image is None:
            raise SandboxError(
                "a Docker sandbox needs an image; name one with --image, for example python:3.11"
            )
        if isinstance(origin, Snapshot) and origin.token not in self._images:
            raise SandboxError("the snapshot belongs to another sandbox host; start from its root instead")
        async with self._lock:
            if self._engine is None:
                self._engine = await asyncio.to_thread(_connect)
            engine = self._engine
        image = root.image if isinstance(origin, Root) else origin.token
        container = await asyncio.to_thread(_run_container, engine, image, root, limits, self._owner, network)
        box = DockerSandbox(self, container, root, limits, network=network)
        self._open.add(box)
        if isinstance(origin, Root):
            try:
                await asyncio.to_thread(_put_tree, container, root)
            except BaseException:
                await box.close()
                raise
        return box

    async def close(self) -> None:
        """Close every sandbox still open and drop every snapshot."""
        await asyncio.gather(*(box.close() for box in list(self._open)))
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.to_thread(_drop, engine, self._images)

    def keep(self, root: Root, image: str) -> Snapshot:
        """Return a snapshot that is an image, to be removed when the host is closed."""
        self._images.add(image)
        return Snapshot(root, image)

    def forget(self, box: DockerSandbox) -> None:
        """Note that a sandbox has been closed."""
        self._open.discard(box)


class DockerSandbox:
    """A sealed room made of a container; see `sandbox.base.Sandbox`."""

    def __init__(
        self, host: DockerHost, container: Container, root: Root, limits: Limits, *, network: bool
    ) -> None:
        self.root = root
        self.limits = limits
        self._network = network
        self._host = host
        self._container = container
        self._turn = asyncio.Lock()
        self._closed = False

    @property
    def workdir(self) -> str:
        """The repository's folder inside."""
        return self.root.workdir

    async def exec(
        self,
        command: str | Sequence[str],
        *,
        timeout: float | None = None,  # noqa: ASYNC109
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stdin: bytes = b"",
    ) -> ExecResult:
        """Run a command to its end; see `Sandbox.exec`.

        An exit code above 128 counts as the end by a signal, since the engine does not tell them apart.
        """
        seconds = self.limits.seconds if timeout is None else timeout
        output = self.limits.output
        return await self._run(
            to_argv(command), seconds=seconds, output=output, stdin=stdin, env=env, cwd=cwd
        )

    async def read(self, path: str) -> bytes:
        """Return a file's bytes; see `Sandbox.read`."""
        return await read_file(self._run, absolute(self.root, path))

    async def write(self, path: str, data: bytes) -> None:
        """Write a file; see `Sandbox.write`."""
        await write_file(self._run, absolute(self.root, path), data)

    async def apply_patch(self, patch: str) -> None:
        """Apply a unified diff; see `Sandbox.apply_patch`."""
        await apply_patch(self._run, GIT_DIR, patch)

    async def diff(self) -> str:
        """Return all changes against the base commit; see `Sandbox.diff`."""
        return await working_diff(self._run, GIT_DIR, self.root.base_commit)

    async def snapshot(self) -> Snapshot:
        """Freeze the present state of all files; see `Sandbox.snapshot`."""
        self._check_open()
        async with self._turn:
            image = await asyncio.to_thread(_commit, self._container)
        return self._host.keep(self.root, image)

    async def fork(self) -> DockerSandbox:
        """Start another sandbox from the present state; see `Sandbox.fork`."""
        return await self._host.start(await self.snapshot(), self.limits, network=self._network)

    async def close(self) -> None:
        """End all processes and forget all files; closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(_remove, self._container)
        self._host.forget(self)

    async def _run(
        self,
        argv: Sequence[str],
        *,
        seconds: float,
        output: int,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> ExecResult:
        self._check_open()
        whole = to_environment(self.root, AGENT_HOME, env)
        async with self._turn:
            began = time.monotonic()
            kept = Output(output)
            folder = absolute(self.root, cwd)
            exchange = await asyncio.to_thread(Exchange, self._container, argv, whole, folder, _GUEST, stdin)
            code, timed_out = await self._watched(exchange, kept, seconds)
            self._check_open()
            data, omitted = kept.take()
            spent = time.monotonic() - began
        return ExecResult(_status(exchange, code, timed_out), _code(code, timed_out), data, omitted, spent)

    async def _watched(self, exchange: Exchange, kept: Output, seconds: float) -> tuple[int, bool]:
        """Take the output as it comes and end everything when the time is up or the caller is cancelled."""
        reading = asyncio.create_task(asyncio.to_thread(exchange.finish, kept))
        try:
            done, _ = await asyncio.wait([reading], timeout=seconds)
        except asyncio.CancelledError:
            await asyncio.shield(self._end_everything(0.0))
            await asyncio.wait([reading], timeout=_GRACE)
            raise
        if not done:
            await self._end_everything()
        code = await reading
        if done and not exchange.orderly:
            await asyncio.to_thread(check_alive, self._container)
            await self._end_everything(0.0)
        return code, not done

    async def _end_everything(self, grace: float = _GRACE) -> None:
        if grace:
            await asyncio.to_thread(user_signal, self._container, "TERM", _GUEST)
            await asyncio.sleep(grace)
        await asyncio.to_thread(user_signal, self._container, "KILL", _GUEST)

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxGoneError("the sandbox is closed; start another")


def _status(exchange: Exchange, code: int, timed_out: bool) -> Status:
    if timed_out:
        return Status.TIMED_OUT
    if exchange.missing and code == _MISSING:
        return Status.NOT_FOUND
    return Status.KILLED if code > 128 else Status.EXITED


def _code(code: int, timed_out: bool) -> int:
    return 128 - code if code > 128 or timed_out else code


def _connect() -> DockerClient:
    import docker
    from docker.errors import DockerException

    try:
        engine = docker.from_env(timeout=120)
        _sweep(engine)
    except DockerException as error:
        reason = " ".join(str(error).split())[:120]
        raise SandboxUnavailableError(
            f"no Docker engine answers ({reason}); start one, set DOCKER_HOST, or use --sandbox daemonless"
        ) from error
    return engine


def _sweep(engine: DockerClient) -> None:
    """Remove what processes that were killed have left."""
    for container in engine.containers.list(all=True, filters={"label": _LABEL}, ignore_removed=True):
        if is_orphan(container.labels[_LABEL]):
            container.remove(force=True, v=True)
    for image in engine.images.list(filters={"label": _LABEL}):
        if is_orphan(image.labels[_LABEL]):
            engine.images.remove(str(image.id), force=True)


def _run_container(
    engine: DockerClient,
    image: str,
    root: Root,
    limits: Limits,
    owner: str,
    network: bool,
) -> Container:
    from docker.errors import DockerException, ImageNotFound
    from docker.types import Mount, Ulimit

    inputs = {**root.mounts, GIT_DIR: root.git_dir}
    try:
        return engine.containers.run(
            image,
            ["sleep", "infinity"],
            entrypoint=[],
            detach=True,
            init=True,
            user="0:0",
            hostname="sandbox",
            working_dir="/",
            network_mode="bridge" if network else "none",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=limits.memory,
            memswap_limit=limits.memory,
            pids_limit=limits.processes + 8,
            ulimits=[
                Ulimit(name="core", soft=0, hard=0),
                Ulimit(name="fsize", soft=limits.disk, hard=limits.disk),
            ],
            labels={_LABEL: owner},
            mounts=[
                Mount(inside, str(host.resolve()), type="bind", read_only=True)
                for inside, host in inputs.items()
            ],
        )
    except ImageNotFound as error:
        raise SandboxError(f"there is no image {image}; pull or build it first") from error
    except DockerException as error:
        raise SandboxError(f"the container could not be started: {' '.join(str(error).split())}") from error


def _put_tree(container: Container, root: Root) -> None:
    """Copy the tree into the container, as the guest's own, and let the guest reach what is mounted."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as spool:
        with tarfile.open(fileobj=spool, mode="w") as archive:
            for folder in sorted({str(up) for inside in root.mounts for up in PurePosixPath(inside).parents}):
                if folder != "/":
                    archive.addfile(_folder(folder))
            home = _folder(AGENT_HOME)
            archive.addfile(_owned(home))
            archive.add(str(root.tree), root.workdir.lstrip("/"), filter=_owned)
        spool.seek(0)
        container.put_archive("/", spool)


def _folder(path: str) -> tarfile.TarInfo:
    folder = tarfile.TarInfo(path.lstrip("/"))
    folder.type, folder.mode = tarfile.DIRTYPE, 0o755
    return folder


def _owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = _GUEST
    member.uname = member.gname = ""
    return member


def _commit(container: Container) -> str:
    from docker.errors import DockerException

    try:
        image = container.commit()
    except DockerException as error:
        raise SandboxGoneError(f"the container is gone ({' '.join(str(error).split())[:120]})") from error
    return str(image.id)


def _remove(container: Container) -> None:
    from docker.errors import DockerException, NotFound

    try:
        container.remove(force=True, v=True)
    except NotFound:
        return
    except DockerException as error:
        raise SandboxError(f"the container stays behind: {' '.join(str(error).split())[:120]}") from error


def _drop(engine: DockerClient, images: set[str]) -> None:
    from docker.errors import DockerException

    for image in images:
        try:
            engine.images.remove(image, force=True)
        except DockerException:
            continue  # in use elsewhere; the next start's sweep takes it
    engine.close()
