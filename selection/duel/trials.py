"""Test files tried on the base and on patches, each in a fork of its own; what a trial showed is kept."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence

from pydantic import Field

from agent.excerpts import cut_middle, last_of_tests
from agent.messages import Value
from envs.outcomes import Outcome
from envs.task import PublicTask
from envs.testrun import run_tests
from sandbox.base import PatchError, Sandbox, SandboxError, SandboxFileError, Status
from sandbox.forks import forked
from selection.candidate import TestFile
from selection.cells import CellStore
from selection.together import together
from selection.written import UnusableError, Written

OUTPUT = 8_192
"""Characters of a run's output that are kept, from both ends (CodeMonkeys, 2025)."""
SHORT = "--tb=short --disable-warnings -rP"
"""Keeps whole functions and warnings out of the output, and what tests print that pass in it."""
SUMMARY = " short test summary info ="
NAMED = 12
"""Tests of a file whose outcomes are told."""


class Trial(Value):
    """What a test file did: outcomes and first lines of failures by test, how it ended, and its output.

    `trouble` says why it could not be run; then nothing else is known.
    """

    outcomes: dict[str, Outcome] = Field(default_factory=dict)
    messages: dict[str, str] = Field(default_factory=dict)
    status: Status = Status.EXITED
    exit_code: int = 0
    output: str = ""
    trouble: str = ""

    @property
    def behaviour(self) -> tuple[tuple[str, Outcome], ...]:
        """What tells two trials of one file apart."""
        return tuple(sorted(self.outcomes.items())) or (("", Outcome.ERROR),)

    def told(self, lines: int = 40) -> str:
        """Return the trial in words: each test's outcome, and the last lines of the output."""
        if self.trouble:
            return f"could not be run: {self.trouble}"
        passed = [test for test, outcome in sorted(self.outcomes.items()) if outcome is Outcome.PASSED]
        failed = [test for test in sorted(self.outcomes) if test not in passed]
        named = [self._line(test) for test in failed[:NAMED]]
        if len(failed) > NAMED:
            named.append(f"- and {len(failed) - NAMED} more that do not pass")
        if passed:
            more = f" and {len(passed) - NAMED} more" if len(passed) > NAMED else ""
            named.append(f"- passed: {', '.join(map(_short, passed[:NAMED]))}{more}")
        output = self.output.partition(SUMMARY)[0]  # the outcomes stand above
        ended = "ran out of time" if self.status is Status.TIMED_OUT else f"exit code {self.exit_code}"
        return "\n".join([ended, *named, last_of_tests(output.rstrip("=\n"), lines)])

    def _line(self, test: str) -> str:
        message = self.messages.get(test)
        return f"- {_short(test)}: {self.outcomes[test]}" + (f" ({message})" if message else "")


class Trials:
    """Runs test files of one issue, a few at a time.

    Args:
        task: whose tests they are.
        base: the untouched repository; it is forked and never changed.
        cells: what earlier trials showed, and where new ones go.
        seconds: what one run may take.
        parallel: runs at one time.
        place: names the image, tree and limits of the base: trials of another place are not taken for these.
    """

    def __init__(
        self,
        task: PublicTask,
        base: Sandbox,
        cells: CellStore,
        seconds: float = 100.0,
        parallel: int = 2,
        place: str = "",
    ) -> None:
        self._task = task
        self._base = base
        self._cells = cells
        self._seconds = seconds
        self._place = place
        self._gate = asyncio.Semaphore(parallel)
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def on(self, file: TestFile, patches: Sequence[str]) -> list[Trial]:
        """Return what a file does with each patch, in their order; the empty one is the base.

        A sandbox that fails is a trial with `trouble` and is not kept.
        """
        return await together(self._trial(file, patch) for patch in patches)

    async def new_file(self, written: Written, author: str) -> TestFile:
        """Return a written test as a file that hides none of the repository's.

        Raises:
            UnusableError: it would.
        """
        try:
            there = await self._base.exec(["test", "-e", written.path], timeout=30)
        except SandboxError as error:
            raise UnusableError(f"the sandbox failed: {error}") from error
        if there.ok:
            raise UnusableError(f"the repository has a file {written.path}; take another name")
        return TestFile(written.path, written.content, author)

    async def _trial(self, file: TestFile, patch: str) -> Trial:
        key = self._key(file, patch)
        async with self._locks[key]:  # duels in both orders may try the same test at one time
            if (known := self._cells.get(key)) is not None:
                return Trial.model_validate(known)
            return await self._tried(key, file, patch)

    def _key(self, file: TestFile, patch: str) -> str:
        """Return a hash of everything that decides what a trial shows."""
        facts = ("trial 2", self._task.base_commit, patch, file.path, file.content, self._task.test_runner)
        where = [self._place] if self._place else []  # without one the key is that of recorded trials
        return hashlib.sha256(json.dumps([*facts, self._seconds, *where]).encode()).hexdigest()

    async def _tried(self, key: str, file: TestFile, patch: str) -> Trial:
        async with self._gate:
            try:
                trial = await self._run(file, patch)
            except PatchError as error:
                trial = Trial(trouble=f"the patch does not apply: {error}")
            except SandboxFileError as error:
                trial = Trial(trouble=f"the test file cannot be put in place: {error}")
            except SandboxError as error:
                return Trial(trouble=f"the sandbox failed: {error}")
        await self._cells.put(key, trial.model_dump(mode="json"))
        return trial

    async def _run(self, file: TestFile, patch: str) -> Trial:
        async with forked(self._base) as box:
            if patch:
                await box.apply_patch(patch)
            await box.write(file.path, file.content.encode("utf-8", "surrogateescape"))
            runner = f"{self._task.test_runner} {SHORT}"
            run = await run_tests(box, runner, [file.path], timeout=self._seconds)
        return Trial(
            outcomes=dict(run.outcomes),
            messages=dict(run.messages),
            status=run.status,
            exit_code=run.exit_code,
            output=cut_middle(run.output, OUTPUT),
        )


def _short(test: str) -> str:
    """Return a test's id without its file."""
    return test.partition("::")[2] or test
