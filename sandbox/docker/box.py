"""One Docker sandbox, as its users see it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox.base import ExecResult, Limits, Root, SandboxError, SandboxGoneError, Snapshot
from sandbox.docker.command import Command, guest_run
from sandbox.docker.delta import CannotCarryError
from sandbox.docker.line import LineBrokenError
from sandbox.docker.tidy import Seen
from sandbox.docker.vessel import Vessel
from sandbox.inside import AGENT_HOME
from sandbox.run import AGENT, ROOT, absolute, to_environment
from sandbox.verbs import CommandVerbs

if TYPE_CHECKING:
    from sandbox.docker.host import DockerHost

_ALIVE = 10.0
_HOMES = {AGENT: AGENT_HOME, ROOT: "/root"}


class DockerSandbox(CommandVerbs):
    """A sealed room made of a container; see `sandbox.base.Sandbox`. Its commands run one after the other."""

    def __init__(
        self, host: DockerHost, vessel: Vessel, root: Root, limits: Limits, *, network: bool
    ) -> None:
        super().__init__(root, limits)
        self._host = host
        self._vessel = vessel
        self._network = network
        self._turn = asyncio.Lock()
        self._frozen: Snapshot | None = None
        """The snapshot that holds the present state; None once a command has run since."""
        self._seen: tuple[str, Seen] | None = None
        """The token of a snapshot of this container, and what its files looked like then."""
        self._closed = False

    @property
    def container(self) -> str:
        """The id of the container it lives in at present."""
        return str(self._vessel.container.id)

    async def snapshot(self) -> Snapshot:
        """Freeze the present state of all files; see `Sandbox.snapshot`."""
        self._check_open()
        async with self._turn:
            snapshot = await self._freeze()
            await self._look(snapshot)
            return snapshot

    async def fork(self) -> DockerSandbox:
        """Start another sandbox from the present state; see `Sandbox.fork`."""
        self._check_open()
        async with self._turn:
            snapshot = await self._freeze()
        try:
            return await self._host.start(snapshot, self.limits, network=self._network)
        except CannotCarryError:
            async with self._turn:
                snapshot = self._frozen = await self._host.freeze_whole(self._vessel, self.root)
            return await self._host.start(snapshot, self.limits, network=self._network)

    async def restore(self, snapshot: Snapshot) -> None:
        """Bring all files back to a snapshot; see `Sandbox.restore`.

        Where nothing but new files has to go it stays in its container. Else it moves to another one, whose
        files have been compared with the snapshot's by name, kind, mode, size and contents.
        """
        self._check_open()
        await self._host.tracked(self._restore(snapshot))

    async def _restore(self, snapshot: Snapshot) -> None:
        async with self._turn:
            self._check_open()
            if not await self._tidied(snapshot):
                await self._move(snapshot)
                await self._look(snapshot)
            self.root, self._frozen = snapshot.root, snapshot

    async def _move(self, snapshot: Snapshot) -> None:
        fresh = await self._host.vessel_of(snapshot, self.limits, network=self._network)
        if self._closed:
            await asyncio.shield(fresh.remove())
            self._check_open()
        old, self._vessel = self._vessel, fresh
        self._host.discard(old)

    async def _freeze(self) -> Snapshot:
        self._check_open()
        if self._frozen is None:
            self._frozen = await self._host.freeze(self._vessel, self.root)
        return self._frozen

    async def _look(self, snapshot: Snapshot) -> None:
        """Note what the files of a snapshot look like here, which a later restoring must find again."""
        if self._seen is None or self._seen[0] != snapshot.token:
            self._seen = None
            with suppress(SandboxError, LineBrokenError):
                seen = await self._host.look(self._vessel, snapshot.root)
                self._seen = (snapshot.token, seen) if seen is not None else None

    async def _tidied(self, snapshot: Snapshot) -> bool:
        """Whether the files here could be brought back to a snapshot, and were."""
        if self._seen is None or self._seen[0] != snapshot.token or self._vessel.is_spent():
            return False
        with suppress(SandboxError, LineBrokenError):
            if await self._host.tidy(self._vessel, snapshot.root, self._seen[1]):
                return True
        self._seen = None
        return False

    async def alive(self) -> bool:
        """Whether a command could be run now; see `Sandbox.alive`."""
        if self._closed:
            return False
        try:
            async with self._turn:
                self._check_open()
                if self._vessel.line.broken:
                    await self._vessel.reconnect()
                return (await guest_run(self._vessel)(["true"], seconds=_ALIVE, output=64)).ok
        except (SandboxError, LineBrokenError):
            return False

    async def close(self) -> None:
        """End all processes and forget all files; closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._vessel.remove()
        finally:
            self._host.forget(self)

    async def run(
        self,
        argv: Sequence[str],
        *,
        seconds: float,
        output: int,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: str | None = None,
    ) -> ExecResult:
        """Run an argument list to its end."""
        self._check_open()
        user = user or (AGENT if self._vessel.shape.plain else self.root.user)
        if user not in {AGENT, ROOT} or (user == ROOT and self._vessel.shape.plain):
            raise SandboxError(f"this sandbox has no user {user!r}")
        image, home = self._host.image_environment(self.root), _HOMES[user]
        whole = to_environment(self.root, home, env, image, user)
        async with self._turn:
            self._check_open()
            if self._vessel.is_spent():
                await self._vessel.remove()
                raise SandboxGoneError("the sandbox wrote far more than it may and was ended; start another")
            self._frozen = None
            self._vessel.by_root = self._vessel.by_root or user == ROOT
            if self._vessel.line.broken:
                await self._vessel.reconnect()
            command = Command(
                self._vessel,
                argv,
                env=whole,
                cwd=absolute(self.root, cwd),
                user=user,
                stdin=stdin,
                output=output,
            )
            try:
                return await command.finish(seconds)
            except LineBrokenError as error:
                raise SandboxGoneError("the container is gone; start another sandbox") from error
            except SandboxError:
                self._check_open()
                raise

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxGoneError("the sandbox is closed; start another")
