"""The tester: one file of tests of the issue, valid on the untouched base, and no fix.

After R2E-Gym's testing agent (section 3.2 of its paper), whose one script prints verdicts. Here are tests
of the repository's own framework, each with an id, and each is tried on the base before it counts.
"""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
from dataclasses import replace

from agent import prompts
from agent.agreement import Divergence, compare, compare_beginning
from agent.arguments import ARGUMENTS, ArgumentsError, EditArguments, SubmitArguments, read_arguments
from agent.assignment import Assignment, base_of
from agent.base_runs import BaseRuns
from agent.base_verdict import ending
from agent.endings import Ending, ending_of_call
from agent.messages import ToolCall
from agent.phase import Phase
from agent.played import LAST_DIFF, played
from agent.shelf import SharedTest
from agent.siblings import seeded
from agent.talk import Talk
from agent.tool_error import ToolError, inside
from agent.tools import Toolbox
from agent.trajectory import Observation, Trajectory
from agent.validation import Validated, tells_that_it_decides, validate
from envs.patches import join, split
from sandbox.base import SandboxError, SandboxFileError, SandboxGoneError

ENDINGS = frozenset({"submit", "give_up"})
CHANGES = frozenset({"edit", "write_test"})
TRIED = frozenset({"edit", "write_test", "submit"})

NOT_ITS_FILE = (
    "You write tests and no fix: `edit` changes the file that you wrote with `write_test`, and no other."
)
MOVED = "One file counts, so {old} was removed."
NOTHING = "Not submitted: there is no test file yet. Write one with `write_test`."
NO_TIME = "The time was up before the tests were tried on the untouched code."
NOT_VALID = "Not submitted. {told}"


async def run_tester(given: Assignment) -> Trajectory:
    """Let a model write tests of an issue, and return what it did; see `agent.played.played`.

    The trajectory's diff holds the test file and nothing else: its last version of which a test fails on
    the base, the same twice. Where there is none, the diff is empty.
    """
    bench = TestBench(given)

    async def work(talk: Talk) -> Ending:
        async with base_of(given) as bench.base:
            return ending_of_call(await talk.through(_phase(given, bench)))

    return await _with_valid_alone(await played(given, work), bench)


def _phase(given: Assignment, bench: TestBench) -> Phase:
    return Phase(
        system=prompts.SYSTEM,
        opening=prompts.first_message(given.task, given.context, seeded(prompts.TEST, given.seed)),
        tools=ARGUMENTS,
        bench=bench,
        endings=ENDINGS,
        reminder=prompts.NO_CALL,
        changes=CHANGES,
    )


async def _with_valid_alone(done: Trajectory, bench: TestBench) -> Trajectory:
    """Return a trajectory whose diff is the last valid version of its file, which is left in the room."""
    valid = bench.valid
    if valid is None:
        return done.model_copy(update={"diff": "", "test_paths": ()})
    diff = done.diff
    with contextlib.suppress(SandboxError, TimeoutError):  # a room that is gone leaves what was kept before
        async with asyncio.timeout(LAST_DIFF):
            await bench.sandbox.write(valid.path, valid.content.encode("utf-8", "surrogateescape"))
            diff = await bench.sandbox.diff()
    alone = join(part for part in split(diff) if part.path == valid.path)
    return done.model_copy(update={"diff": alone, "test_paths": (valid.path,)})


class TestBench:
    """The tools of a tester: all read; what is written is one test file, tried on the base at once.

    Attributes:
        written_tests: the file's path, once there is one.
        valid: its last version that decides.
        base: where tests are tried; it is there before the first call.
        sandbox: the room.
    """

    __test__ = False

    def __init__(self, given: Assignment) -> None:
        self.base: BaseRuns | None = given.base
        self.sandbox = given.sandbox
        self._given = given
        self._toolbox = Toolbox(given.sandbox)
        self.written_tests = self._toolbox.written_tests
        self.valid: SharedTest | None = None

    async def perform(self, call: ToolCall, *, seconds: float) -> Observation:
        """See `agent.phase.Bench.perform`."""
        if refusal := self._refusal(call):
            return Observation(call_id=call.id, text=refusal, status="error")
        loop = asyncio.get_running_loop()
        began = loop.time()
        seen = await self._toolbox.perform(call, seconds=seconds)
        if seen.status != "ok" or call.name not in TRIED:
            return seen
        try:
            async with asyncio.timeout(max(1.0, seconds - (loop.time() - began))):
                seen = await self._tried(call, seen)
        except TimeoutError:
            seen = seen.model_copy(update={"text": f"{seen.text} {NO_TIME}", "status": "error"})
        return seen.model_copy(update={"seconds": loop.time() - began})

    async def perform_again(
        self, call: ToolCall, recorded: Observation, *, seconds: float
    ) -> Divergence | None:
        """See `agent.phase.Bench.perform_again`."""
        if refusal := self._refusal(call):
            return compare(call, recorded, Observation(call_id=call.id, text=refusal, status="error"))
        seen = await self._toolbox.perform(call, seconds=seconds)
        if seen.status == "ok" and call.name in TRIED:
            await self._moved()
            if recorded.status == "ok" or tells_that_it_decides(recorded.text):
                self.valid = await self._as_it_lies()
        if call.name == "submit" and seen.status == "ok":
            return None  # whether it stands is not tried again
        compared = compare_beginning if seen.status == "ok" and call.name in TRIED else compare
        return compared(call, recorded, seen)

    def _refusal(self, call: ToolCall) -> str:
        """Return why a tester may not do what a call asks for, empty where it may or cannot be read."""
        try:
            arguments = read_arguments(call)
        except ArgumentsError:
            return ""
        match arguments:
            case EditArguments(path=path) if not self._is_own(path):
                return NOT_ITS_FILE
            case SubmitArguments() if not self.written_tests:
                return NOTHING
        return ""

    async def _tried(self, call: ToolCall, seen: Observation) -> Observation:
        """Return what a call did, with what the file now does on the base."""
        moved = await self._moved()
        try:
            found = await self._validate()
        except SandboxGoneError:
            raise
        except SandboxError as error:
            text = f"{seen.text} The tests could not be tried on the untouched code: {error}"
            return seen.model_copy(update={"text": text, "status": "error"})
        if call.name == "submit":
            refused = {"text": NOT_VALID.format(told=found.told()), "status": "error"}
            return seen.model_copy(update=refused) if found.problem else seen
        status = "error" if found.problem else "ok"
        said = (seen.text, moved, found.told())
        return seen.model_copy(update={"text": "\n".join(filter(None, said)), "status": status})

    async def _validate(self) -> Validated:
        """Try the file as it lies in the room, and keep it where it decides."""
        assert self.base is not None
        file = await self._as_it_lies()
        found = await validate(self.base, file.path, file.content)
        if found.decides:
            self.valid = file
        if found.decides and not found.problem:
            await self._given.shelf.put(replace(file, output=ending(found.runs[0])))
        return found

    async def _as_it_lies(self) -> SharedTest:
        """Return the file in the room, empty where somebody has removed it."""
        path, content = self.written_tests[-1], b""
        with contextlib.suppress(SandboxFileError):
            content = await self.sandbox.read(path)
        text = content.decode("utf-8", "surrogateescape")
        return SharedTest(path, text, self._given.sampling.sample)

    async def _moved(self) -> str:
        """Remove the file that was written before one of another path."""
        *earlier, _ = self.written_tests
        for path in earlier:
            await self.sandbox.exec(["rm", "-f", "--", path], timeout=30)
            self.written_tests.remove(path)
        return MOVED.format(old=", ".join(earlier)) if earlier else ""

    def _is_own(self, path: str) -> bool:
        try:
            return inside(self.sandbox, posixpath.normpath(path)) in self.written_tests
        except ToolError:
            return False
