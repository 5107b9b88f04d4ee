"""The verbs of a sandbox that are commands inside: the same for every kind of sandbox."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.base import ExecResult, Limits, Root
from sandbox.files import read_file, write_file
from sandbox.gitdiff import apply_patch, working_diff
from sandbox.inside import GIT_DIR
from sandbox.run import absolute, to_argv
from sandbox.upload import upload


class CommandVerbs(ABC):
    """What is built on running commands; a kind of sandbox adds how it runs them, its states, its end."""

    def __init__(self, root: Root, limits: Limits) -> None:
        self.root = root
        self.limits = limits

    @abstractmethod
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
        """Run an argument list to its end; see `sandbox.run.Run`."""

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
        user: str | None = None,
        stdin: bytes = b"",
        output: int | None = None,
    ) -> ExecResult:
        """Run a command to its end; see `Sandbox.exec`."""
        return await self.run(
            to_argv(command),
            seconds=self.limits.seconds if timeout is None else timeout,
            output=self.limits.output if output is None else output,
            stdin=stdin,
            env=env,
            cwd=cwd,
            user=user,
        )

    async def read(self, path: str) -> bytes:
        """Return a file's bytes; see `Sandbox.read`."""
        return await read_file(self.run, absolute(self.root, path))

    async def write(self, path: str, data: bytes) -> None:
        """Write a file; see `Sandbox.write`."""
        await write_file(self.run, absolute(self.root, path), data)

    async def upload(self, source: Path, target: str) -> None:
        """Copy a file or folder of the host's; see `Sandbox.upload`."""
        await upload(self.run, source, absolute(self.root, target))

    async def apply_patch(self, patch: str) -> None:
        """Apply a unified diff; see `Sandbox.apply_patch`."""
        await apply_patch(self.run, GIT_DIR, patch)

    async def diff(self) -> str:
        """Return all changes against the base commit; see `Sandbox.diff`."""
        return await working_diff(self.run, GIT_DIR, self.root.base_commit)
