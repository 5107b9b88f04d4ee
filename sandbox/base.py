"""The contract of a sandbox: a sealed room with the repository in it.

Two implementations fulfil it, `docker` and `daemonless` (Linux namespaces); both pass `sandbox.contract`,
and so does any other that a package offers. Whatever a command does inside, the host sees only an
`ExecResult`; whatever goes wrong with the room itself is a `SandboxError` and never looks like a command's
output.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable


class SandboxError(RuntimeError):
    """The sandbox itself failed; says nothing about the command that was to run."""


class SandboxUnavailableError(SandboxError, OSError):
    """This machine cannot make such a sandbox; the message says what to enable or to use instead."""


class UnknownSandboxError(SandboxError, LookupError):
    """There is no sandbox of such a name; the message lists the known ones."""


class SandboxGoneError(SandboxError, ConnectionError):
    """The sandbox died or was closed; nothing more can be run in it."""


class SandboxFileError(SandboxError, OSError):
    """A file in the sandbox could not be read or written."""


class ImageError(SandboxError, LookupError):
    """An image is not there and cannot be pulled or built; the message says why."""


class PatchError(SandboxError, ValueError):
    """A patch does not apply; the message carries git's first complaint."""


class Status(enum.StrEnum):
    """How a command ended."""

    EXITED = "exited"
    """It ran to its end; `exit_code` is its own."""
    TIMED_OUT = "timed_out"
    """It was ended, with everything it had started, when its time was up."""
    KILLED = "killed"
    """A signal ended it; `exit_code` is minus the signal's number."""
    OUT_OF_MEMORY = "out_of_memory"
    """The kernel ended it, or what it had started, because the sandbox's memory was used up."""
    OUT_OF_DISK = "out_of_disk"
    """It was ended because the sandbox had written too much, or too many files (Docker; elsewhere writing
    fails inside)."""
    NOT_FOUND = "not_found"
    """The program does not exist in the sandbox."""


@dataclass(frozen=True, slots=True)
class ExecResult:
    """What one command did.

    `output` is stdout and stderr as they came, interleaved, bounded by `Limits.output`: beyond it the head
    and the tail are kept and `omitted` counts the bytes dropped in the middle.
    """

    status: Status
    exit_code: int
    output: bytes
    omitted: int = 0
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the command ran to its end and reported success."""
        return self.status is Status.EXITED and self.exit_code == 0

    @property
    def text(self) -> str:
        """The output as text, undecodable bytes replaced, the omission marked where it is."""
        if not self.omitted:
            return self.output.decode("utf-8", "replace")
        half = len(self.output) // 2
        head, tail = self.output[:half], self.output[half:]
        mark = f"\n[... {self.omitted} bytes omitted ...]\n"
        return head.decode("utf-8", "replace") + mark + tail.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sandbox may use."""

    memory: int = 2 << 30
    """Bytes of memory of all its processes together where control groups can be written, else of each."""
    processes: int = 256
    """Processes and threads at one time."""
    disk: int = 1 << 30
    """Bytes it may write, all files together; `files` of them."""
    output: int = 1 << 20
    """Bytes of a command's output that are kept."""
    seconds: float = 120.0
    """Time one command may take when the call does not say."""
    cpus: float | None = None
    """Cores it may use at one time; None for all (Docker; elsewhere processes share what there is)."""

    @property
    def files(self) -> int:
        """Files and folders it may make: one for each 4 KiB that it may write."""
        return max(1024, self.disk // 4096)


@dataclass(frozen=True, slots=True)
class Root:
    """What a sandbox starts from; nothing of it is ever written to.

    `tree` is a host folder that appears, copy-on-write, at `workdir`. `mounts` are read-only host folders
    by their path inside. `git_dir` is a bare repository holding the base commit: `diff` is taken against it
    and nothing inside the sandbox can change it. `image` is a Docker image's name; for the daemonless sandbox
    a folder, a `docker save` archive or an OCI layout, None for the host's own /usr. `user` is who owns
    the tree and runs commands that do not say; see `Sandbox.exec`.
    """

    tree: Path
    git_dir: Path
    base_commit: str
    workdir: str = "/testbed"
    mounts: Mapping[str, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    user: str = "agent"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen state of a sandbox's files, from which any number of sandboxes can start.

    `token` belongs to the host that took it. It stays valid until that host is closed.
    """

    root: Root
    token: str


@runtime_checkable
class Sandbox(Protocol):
    """A sealed room: no network, no host files, no keys, bounded in memory, processes, disk and time."""

    @property
    def workdir(self) -> str:
        """The repository's folder inside."""

    async def exec(
        self,
        command: str | Sequence[str],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 (ends the processes inside, which a cancelled task cannot)
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        user: str | None = None,
        stdin: bytes = b"",
        output: int | None = None,
    ) -> ExecResult:
        """Run a shell text (by `/bin/bash -c`) or an argument list and wait for its end.

        Every process it started, in the background too, has ended when this returns. A command that fails,
        is killed or runs out of time or memory is a result and no error.

        Args:
            command: shell text, or argv.
            timeout: seconds; `Limits.seconds` when None.
            env: added to the sandbox's environment.
            cwd: folder inside, `workdir` when None; relative paths count from `workdir`.
            user: `agent`, or `root` (Docker: without capabilities, for what an image keeps to its root);
                the root's `user` when None.
            stdin: what the command can read.
            output: bytes of output that are kept; `Limits.output` when None.

        Raises:
            SandboxGoneError: the sandbox was closed or died.
            SandboxError: the command could not be started for a reason outside of it: no such folder, no such
                user, no command.
        """

    async def read(self, path: str) -> bytes:
        """Return a file's bytes; relative paths count from `workdir`.

        Raises:
            SandboxFileError: it does not exist, is no regular file, or is larger than 64 MiB.
        """

    async def write(self, path: str, data: bytes) -> None:
        """Write a file, with the folders above it; relative paths count from `workdir`.

        Raises:
            SandboxFileError: it cannot be written there.
        """

    async def upload(self, source: Path, target: str) -> None:
        """Copy a host's file, or a folder with all that is in it, to a path inside, owned by the agent.

        Symlinks are copied as such; the host's owners are forgotten.

        Raises:
            SandboxFileError: the source cannot be read, is larger than 256 MiB, or the target cannot be
            written.
        """

    async def apply_patch(self, patch: str) -> None:
        """Apply a unified diff (git's format, binary included) to the working tree, whole or not at all.

        Raises:
            PatchError: it does not apply.
        """

    async def diff(self) -> str:
        """Return all changes of the working tree against the base commit as a git binary diff.

        New files, deletions, modes, symlinks and binary files are included; ignored files are not. It
        does not depend on what was done to `.git`, its configuration, hooks or index inside.

        Raises:
            SandboxError: the diff is larger than 32 MiB, or the working tree is gone.
        """

    async def snapshot(self) -> Snapshot:
        """Freeze the present state of all files, those in /dev/shm too; the sandbox itself goes on.

        Raises:
            SandboxError: a file cannot be kept.
        """

    async def fork(self) -> Sandbox:
        """Start another sandbox from the present state of this one's files."""

    async def restore(self, snapshot: Snapshot) -> None:
        """Bring all files back to a snapshot of this sandbox's host; what runs inside is ended.

        Raises:
            SandboxError: the snapshot is another host's, or the files did not come back as they were; then
                this sandbox keeps the files it had.
        """

    async def alive(self) -> bool:
        """Whether a command could be run now; asks the sandbox and never raises."""

    async def close(self) -> None:
        """End all processes and forget all files; closing twice is harmless."""


@runtime_checkable
class SandboxHost(Protocol):
    """Makes sandboxes of one kind on this machine."""

    name: str

    async def start(self, origin: Root | Snapshot, limits: Limits = ..., *, network: bool = False) -> Sandbox:
        """Start a sandbox.

        Raises:
            SandboxUnavailableError: this machine cannot make one.
            SandboxError: it could not be started.
        """

    async def close(self) -> None:
        """Close every sandbox still open and drop every snapshot."""
