"""The tools of who writes a patch: its tests are tried on the base, and its patch by the tests of others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from agent.agreement import Divergence, compare, compare_beginning
from agent.assignment import Assignment
from agent.base_runs import BaseRuns
from agent.base_verdict import ending, verdict
from agent.messages import ToolCall
from agent.shelf import SharedTest
from agent.siblings import FOLDER, failures, lay_out
from agent.tool_error import inside
from agent.tools import Toolbox
from agent.trajectory import Observation
from agent.validation import validate
from sandbox.base import SandboxError, SandboxFileError, SandboxGoneError

TO_MEND = 30.0
"""Seconds that must be left for a submission to be refused: without them nothing could be mended."""

UNTRIED = "It must fail before your fix and pass after it: run it."
OTHERS = """\
Tests of other attempts lie in the sandbox. They fail on the untouched code, and are guesses at what the issue
asks for, as yours are:
{listed}"""
OBJECTION = """\
Not submitted yet: tests of other attempts fail on your tree.
{failures}
They lie below /tmp/others and are guesses, as yours are. Look at each against the issue: where it is right,
mend your patch; where it is wrong, leave it. The next `submit` stands."""


class EvidenceBench:
    """A toolbox that says what a written test does on the base, and what others' tests say of the patch.

    A file of tests of which some fail on the base, the same twice, goes to the shelf. The first `submit` is
    refused where a test of others fails; the second stands.

    Args:
        given: the assignment.
        is_last: whether no reply follows; a submission is not refused then.
    """

    def __init__(self, given: Assignment, is_last: Callable[[], bool] = lambda: False) -> None:
        self._given = given
        self._is_last = is_last
        self._toolbox = Toolbox(given.sandbox)
        self._submitted = False
        self.written_tests = self._toolbox.written_tests

    async def perform(self, call: ToolCall, *, seconds: float) -> Observation:
        """See `agent.phase.Bench.perform`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        seen = await self._toolbox.perform(call, seconds=seconds)
        if seen.status != "ok" or not (call.name == "submit" or self._writes_test(call)):
            return seen
        left = max(1.0, seconds - (loop.time() - began))
        changes: dict[str, str] = {}
        if call.name != "submit":
            changes = {"text": f"{seen.text}\n{await self._tried(str(call.arguments['path']), left)}"}
        elif objection := await self._objection(left):
            changes = {"text": objection, "status": "error"}
        return seen.model_copy(update={**changes, "seconds": loop.time() - began})

    async def perform_again(
        self, call: ToolCall, recorded: Observation, *, seconds: float
    ) -> Divergence | None:
        """See `agent.phase.Bench.perform_again`."""
        seen = await self._toolbox.perform(call, seconds=seconds)
        if call.name == "submit" and recorded.status != "format_error":
            self._submitted = True
        if FOLDER in recorded.text:
            with contextlib.suppress(SandboxFileError):
                await lay_out(self._given.sandbox, self._given.shelf.tests())
        if call.name == "submit" or any(FOLDER in str(one) for one in (recorded.text, call.arguments)):
            # what others' tests say is not asked again, and there may be more of them by now
            return None if seen.status == "ok" else compare(call, recorded, seen)
        if seen.status == "ok" and self._writes_test(call):
            return compare_beginning(call, recorded, seen)
        return compare(call, recorded, seen)

    def _writes_test(self, call: ToolCall) -> bool:
        """Whether a call that succeeded wrote a test file, or mended one that was written before."""
        if call.name == "edit":
            return inside(self._given.sandbox, str(call.arguments["path"])) in self.written_tests
        return call.name == "write_test"

    async def _tried(self, path: str, seconds: float) -> str:
        """Return what a test file does on the base, and where tests of others lie."""
        try:
            said = (
                UNTRIED if self._given.base is None else await self._on_base(self._given.base, path, seconds)
            )
            listed = await lay_out(self._given.sandbox, self._given.shelf.tests())
        except SandboxGoneError:
            raise
        except SandboxError as error:
            return f"{UNTRIED} (The sandbox could not show what it does on the untouched code: {error})"
        return f"{said}\n\n{OTHERS.format(listed=listed)}" if listed else said

    async def _on_base(self, base: BaseRuns, path: str, seconds: float) -> str:
        given = self._given
        path = inside(given.sandbox, path)
        content = (await given.sandbox.read(path)).decode("utf-8", "surrogateescape")
        try:
            async with asyncio.timeout(seconds):
                found = await validate(base, path, content)
        except TimeoutError:
            return f"{UNTRIED} (The time was up before it was tried on the untouched code.)"
        except SandboxGoneError as error:  # the base's, not the trajectory's own
            raise SandboxError(str(error)) from error
        first = found.runs[0]
        if found.decides and not found.problem:
            await given.shelf.put(SharedTest(path, content, given.sampling.sample, ending(first)))
        return f"{verdict(first)}\n{found.problem}" if found.unsteady else verdict(first)

    async def _objection(self, seconds: float) -> str:
        """Return why a first submission waits, empty where it stands."""
        given, first = self._given, not self._submitted
        loop = asyncio.get_running_loop()
        end, self._submitted = loop.time() + seconds, True
        tests = given.shelf.tests()
        seconds = min(given.test_seconds, seconds - TO_MEND)
        if not first or not tests or self._is_last() or seconds <= 0:
            return ""
        try:
            found = await failures(given.sandbox, given.task.test_runner, tests, seconds)
            if end - loop.time() < TO_MEND:
                return ""
            if found:
                await lay_out(given.sandbox, tests)
        except SandboxGoneError:
            raise
        except SandboxError:  # says nothing about the patch
            return ""
        return OBJECTION.format(failures=found) if found else ""
