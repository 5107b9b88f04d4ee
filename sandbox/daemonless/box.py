"""One daemonless sandbox, as its users see it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox.base import ExecResult, Limits, Root, SandboxError, SandboxGoneError, Snapshot, Status
from sandbox.daemonless.cgroups import ControlGroup
from sandbox.daemonless.channel import Channel
from sandbox.daemonless.command import GRACE
from sandbox.daemonless.plan import COPY, Command, Plan, Report, pack, to_memory_file
from sandbox.inside import AGENT_HOME
from sandbox.output import Output
from sandbox.run import AGENT, absolute, to_environment
from sandbox.verbs import CommandVerbs

if TYPE_CHECKING:
    from sandbox.daemonless.host import DaemonlessHost

_OVERTIME = 10.0
"""Seconds after which process 1 is no longer trusted to end its command."""
_LONGEST = 1e6
_PIPE = 1 << 20


class DaemonlessSandbox(CommandVerbs):
    """A sealed room made of namespaces; see `sandbox.base.Sandbox`."""

    def __init__(
        self,
        host: DaemonlessHost,
        root: Root,
        limits: Limits,
        channel: Channel,
        group: ControlGroup | None,
        plan: Plan,
    ) -> None:
        super().__init__(root, limits)
        self._host = host
        self._channel = channel
        self._group = group
        self._plan = plan
        self._frozen: tuple[str, ...] | None = tuple(plan.layers)
        """The layers that hold the present state; None once a command has run since."""
        self._commands = 0
        """Starts and ends of commands so far."""
        self._turn = asyncio.Lock()
        self._closed = False

    async def snapshot(self) -> Snapshot:
        """Freeze the present state of all files; see `Sandbox.snapshot`."""
        async with self._turn:
            self._check_open()
            layers = self._frozen
            if layers is None:
                layer, commands = self._host.new_layer(), self._commands
                layers = (layer,) if self._plan.layering == COPY else (*self._plan.layers, layer)
                report = await self._channel.ask("snapshot", layer=layer)
                if report.kind != "done":
                    raise SandboxError(f"the files cannot be copied: {report.message or report.kind}")
                if commands == self._commands:
                    self._frozen = layers
            return self._host.keep(self.root, layers, self._plan.layering)

    async def fork(self) -> DaemonlessSandbox:
        """Start another sandbox from the present state; see `Sandbox.fork`."""
        return await self._host.start(await self.snapshot(), self.limits, network=self._plan.network)

    async def restore(self, snapshot: Snapshot) -> None:
        """Bring all files back to a snapshot; see `Sandbox.restore`.

        The room is left for a new one on the snapshot's own layers, which no guest can write.
        """
        async with self._turn:
            self._check_open()
            fresh = await self._host.start(snapshot, self.limits, network=self._plan.network)
            if self._closed:
                await asyncio.shield(fresh.close())
                self._check_open()
            old = (self._channel, self._group)
            self.root, self._plan, self._frozen = fresh.root, fresh._plan, fresh._frozen
            self._channel, self._group = fresh._channel, fresh._group
            self._host.forget(fresh)
            await asyncio.shield(_leave(*old))

    async def alive(self) -> bool:
        """Whether a command could be run now; see `Sandbox.alive`."""
        if self._closed or not self._channel.alive:
            return False
        try:
            return (await self._run(self._command(["true"]), _OVERTIME, b"", 64)).ok
        except SandboxError:
            return False

    async def close(self) -> None:
        """End all processes and forget all files; closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        await _leave(self._channel, self._group)
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
        """Run an argument list to its end; there is one user, the agent."""
        self._check_open()
        user = user or self.root.user
        if user != AGENT:
            raise SandboxError(
                f"a daemonless sandbox has no user {user!r}, only {AGENT!r}; use --sandbox docker"
            )
        self._frozen = None
        self._commands += 1
        try:
            return await self._run(self._command(argv, env, cwd), seconds, stdin, output)
        finally:
            self._frozen = None
            self._commands += 1

    def _command(
        self, argv: Sequence[str], env: Mapping[str, str] | None = None, cwd: str | None = None
    ) -> Command:
        whole = to_environment(self.root, AGENT_HOME, env, self._host.image_environment(self.root))
        return Command(argv=list(argv), env=whole, cwd=absolute(self.root, cwd))

    async def _run(self, command: Command, seconds: float, stdin: bytes, output: int) -> ExecResult:
        kills = self._group.out_of_memory_kills() if self._group else 0
        began = time.monotonic()
        kept = Output(output)
        report = await self._watched(command, min(max(seconds, 0.0), _LONGEST), stdin, kept)
        if report.kind == "failed":
            raise SandboxError(f"the command could not be started: {report.message}")
        status = Status(report.kind)
        if self._group and not (status is Status.EXITED and report.code == 0):
            exhausted = self._group.out_of_memory_kills() > kills
            status = Status.OUT_OF_MEMORY if exhausted else status
        data, omitted = kept.take()
        return ExecResult(status, report.code, data, omitted, time.monotonic() - began)

    async def _watched(self, command: Command, seconds: float, stdin: bytes, kept: Output) -> Report:
        """Run a command, taking its output as it comes."""
        reading, writing = os.pipe()
        pipe = _Pipe(reading, kept)
        descriptors = [to_memory_file(pack(command)), _stdin(stdin), writing]
        try:
            async with asyncio.timeout(seconds + GRACE + _OVERTIME):
                return await self._channel.ask("exec", descriptors, seconds=seconds)
        except TimeoutError:
            return Report(0, Status.TIMED_OUT, -9)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
            pipe.finish()

    def _check_open(self) -> None:
        if self._closed or not self._channel.alive:
            raise SandboxGoneError("the sandbox is closed or has died; start another")


async def _leave(channel: Channel, group: ControlGroup | None) -> None:
    await channel.close()
    if group is not None:
        await asyncio.to_thread(group.remove)


class _Pipe:
    """Reads a command's output whenever there is some."""

    def __init__(self, descriptor: int, kept: Output) -> None:
        self._descriptor = descriptor
        self._kept = kept
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)
        with suppress(OSError):  # the user has many pipes: this one stays small, and works
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE)
        self._loop.add_reader(descriptor, self._read)

    def finish(self) -> None:
        """Take what is left; whoever still holds the other end is not waited for."""
        for _ in range(64):
            if not self._read():
                break
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _read(self) -> bool:
        try:
            piece = os.read(self._descriptor, 1 << 18)
        except BlockingIOError:
            return False
        if not piece:
            self._loop.remove_reader(self._descriptor)
            return False
        self._kept.feed(piece)
        return True


def _stdin(data: bytes) -> int:
    return to_memory_file(data) if data else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
