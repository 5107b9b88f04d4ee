"""The untouched base, on which tests are tried: each content once for all trajectories of an issue."""

from __future__ import annotations

import asyncio
from typing import Protocol

from agent.messages import Value
from envs.outcomes import Outcome
from envs.testrun import run_tests
from sandbox.base import Sandbox, Status
from sandbox.forks import forked


class BaseRun(Value):
    """What a test file did on the base: outcomes and first lines of failures by test id, and the output."""

    outcomes: dict[str, Outcome]
    messages: dict[str, str]
    status: Status
    exit_code: int
    output: str

    def fails(self) -> bool:
        """Whether a test of it failed; what broke before a test ran, or ran out of time, shows nothing."""
        return self.status is Status.EXITED and Outcome.FAILED in self.outcomes.values()


class BaseRuns(Protocol):
    """Runs test files on the untouched base."""

    async def run(self, path: str, content: str, *, take: int = 0) -> BaseRun:
        """Run a test file that only it has, and return what it did.

        Args:
            path: where the file lies, relative to the repository.
            content: the whole file.
            take: a second take of the same content is a run of its own, for what is not the same twice.

        Raises:
            SandboxError: the base cannot be forked or the file cannot be written.
        """


class ForkedBase:
    """Runs each content in a fork of one base sandbox, a few at a time, and remembers what it did."""

    def __init__(self, base: Sandbox, runner: str, *, seconds: float = 120.0, parallel: int = 2) -> None:
        self._base = base
        self._runner = runner
        self._seconds = seconds
        self._gate = asyncio.Semaphore(parallel)
        self._locks: dict[tuple[str, str, int], asyncio.Lock] = {}
        self._known: dict[tuple[str, str, int], BaseRun] = {}

    async def run(self, path: str, content: str, *, take: int = 0) -> BaseRun:
        """See `BaseRuns.run`."""
        key = path, content, take
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._known:
                async with self._gate:
                    self._known[key] = await self._run(path, content)
            return self._known[key]

    async def _run(self, path: str, content: str) -> BaseRun:
        async with forked(self._base) as sandbox:
            await sandbox.write(path, content.encode("utf-8", "surrogateescape"))
            done = await run_tests(sandbox, self._runner, [path], timeout=self._seconds)
        return BaseRun(
            outcomes=dict(done.outcomes),
            messages=dict(done.messages),
            status=done.status,
            exit_code=done.exit_code,
            output=done.output,
        )
