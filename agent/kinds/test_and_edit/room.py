"""What both phases of one trajectory work on: the repository, the own test in it, and the edits."""

from __future__ import annotations

import re

from agent.base_runs import BaseRun, BaseRuns
from agent.edit_tool import encode, with_final_newline
from agent.kinds.test_and_edit import prompts
from agent.kinds.test_and_edit.edits import Edits
from agent.kinds.test_and_edit.output import outcome_lines, shown_output
from agent.kinds.test_and_edit.patched import PatchedRuns
from agent.kinds.test_and_edit.proof import tried
from agent.kinds.test_and_edit.record import OwnTest
from agent.kinds.test_and_edit.settings import MachineSettings
from agent.kinds.test_and_edit.shapes import WriteTestArguments
from agent.kinds.test_and_edit.siblings import introduced, offered
from agent.shelf import SharedTest
from agent.talk import Talk
from agent.tool_error import ToolError
from agent.write_test_tool import place_of_test
from envs.outcomes import Outcome
from envs.patches import split

LONGEST_TEST = 60_000
"""Characters of a test file."""

_FENCE = re.compile(r"(`{3,}|~{3,})[^`]*")


class Room:
    """The repository of one trajectory. Nothing runs in it: tests run in forks of it and of the base.

    Attributes:
        test: the test that showed the issue on the base, as it was accepted last.
        written_tests: its path, where there is one.
        seed: the tests that the trajectory starts from, as both phases open with them.
    """

    def __init__(self, talk: Talk, base: BaseRuns, settings: MachineSettings) -> None:
        self.settings = settings
        self.sandbox = talk.given.sandbox
        self.edits = Edits(self.sandbox)
        self.patched = PatchedRuns(talk.given, base, settings)
        self.test: OwnTest | None = None
        self.written_tests: list[str] = []
        self.seed = f"\n{told}\n" if (told := introduced(talk.given.seed, "")) else ""
        self._talk = talk
        self._base = base

    async def prove(self, arguments: WriteTestArguments) -> OwnTest:
        """Try a test on the untouched base, and return it with what is said of it, if it shows the issue.

        Raises:
            ToolError: it does not; says why.
            SandboxError: it could not be tried.
        """
        path = await place_of_test(self.sandbox, arguments.path, self.written_tests)
        content, note = clean(arguments.content)
        if len(content) > LONGEST_TEST:
            raise ToolError(prompts.TOO_LONG.format(size=len(content), limit=LONGEST_TEST))
        encode(content)
        run, problem = await tried(self._base, path, content)
        output = shown_output(run.output, self.settings.output)
        if problem:
            raise ToolError(
                f"{prompts.SENT_BACK.format(problem=problem)} {self._standing()}\n"
                f"{outcome_lines(run.outcomes, run.messages)}\n\n{output}"
            )
        said = f"{note}{_verdict(run)}\n{outcome_lines(run.outcomes, run.messages)}\n\n{output}"
        return OwnTest(path, content, said)

    async def keep(self, test: OwnTest) -> None:
        """Put a test that shows the issue in the repository in place of the one before, and on the shelf."""
        if self.test is not None and self.test.path != test.path:
            await self._remove(self.test.path)
        await self.sandbox.write(test.path, encode(test.content))
        self.test = test
        self.written_tests[:] = [test.path]
        author = self._talk.given.sampling.sample
        await self._talk.given.shelf.put(SharedTest(test.path, test.content, author, test.said))

    async def drop(self) -> None:
        """Go on without a test."""
        if self.test is not None:
            await self._remove(self.test.path)
        self.test = None
        self.written_tests.clear()

    def others(self) -> tuple[SharedTest, ...]:
        """Return the tests of other trajectories that count."""
        own = self.test.content if self.test is not None else ""
        return offered(self._talk.given.shelf.tests(), own)

    def introduced(self, first: int) -> str:
        """Return the tests of others that were not shown since a turn."""
        said = [seen.text for turn in self._talk.turns[first:] for seen in turn.observations]
        return introduced(self.others(), "\n".join([self.seed, *said]))

    async def source_diff(self) -> str:
        """Return the changes so far without the own test, empty where there are none."""
        parts = split(await self.sandbox.diff())
        return "".join(part.text for part in parts if part.path not in self.written_tests)

    async def regressions(self, seconds: float) -> str:
        """Return what existing tests near the edits do worse than on the base, within the seconds left."""
        return await self.patched.regressions(self.edits.changed(), self._talk.given.context, seconds)

    def _standing(self) -> str:
        if self.test is None:
            return "You have no test yet."
        return f"Your test is still the one before, {self.test.path}."

    async def _remove(self, path: str) -> None:
        await self.sandbox.exec(["rm", "-f", "--", path], timeout=30)


def clean(content: str) -> tuple[str, str]:
    """Return a test file without a Markdown fence around it, and what is said where there was one."""
    text = content.replace("\r\n", "\n")
    inside = _unfenced(text)
    note = f"{prompts.UNFENCED} " if inside is not None else ""
    return with_final_newline(text if inside is None else inside), note


def _unfenced(text: str) -> str | None:
    """Return what stands inside of the Markdown fence around a text, None where there is none."""
    first, _, rest = text.strip().partition("\n")
    inside, _, last = rest.rpartition("\n")
    fence = _FENCE.fullmatch(first)
    return inside if fence is not None and last.strip() == fence[1] else None


def _verdict(run: BaseRun) -> str:
    failing = sum(outcome is Outcome.FAILED for outcome in run.outcomes.values())
    passing = sum(outcome is Outcome.PASSED for outcome in run.outcomes.values())
    also = f"; {passing} pass already" if passing else ""
    return f"Kept: {failing} of {len(run.outcomes)} tests fail on the untouched repository, both times{also}."
