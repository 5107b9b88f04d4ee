"""A file of tests tried twice on the untouched base: which of them can decide between patches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.base_runs import BaseRun, BaseRuns
from agent.base_verdict import IMPORT_INSIDE, ending, is_uncollectable, reason
from agent.tape import without_noise
from envs.outcomes import Outcome
from sandbox.base import Status

LISTED = 30
"""Tests that are listed of each sort."""
DECIDE = "fail, so they decide"


@dataclass(frozen=True, slots=True)
class Validated:
    """A test file and what two runs on the base did.

    Attributes:
        path, content: the file.
        runs: the two takes.
        failing: ids of tests that fail in both for the same reason; only these decide.
        passing: ids of tests that pass in both.
        unsteady: ids of tests that differ between the two.
        other: ids of tests that did not run to a verdict: broken, skipped, expected to fail.
    """

    path: str
    content: str
    runs: tuple[BaseRun, BaseRun]
    failing: tuple[str, ...] = ()
    passing: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def decides(self) -> bool:
        """Whether the file can tell a right patch from the base."""
        return bool(self.failing)

    @property
    def problem(self) -> str:
        """Why the file cannot be handed in, in one line; empty where it can."""
        if any(run.status is Status.TIMED_OUT for run in self.runs):
            return "The file ran out of time on the untouched code: make its tests quick."
        if all(is_uncollectable(run) for run in self.runs):
            return f"The file cannot be collected on the untouched code. {IMPORT_INSIDE}"
        if self.unsteady:
            names = ", ".join(test.partition("::")[2] for test in self.unsteady[:LISTED])
            return f"Not the same in two runs on the untouched code: {names}. Mend them or take them out."
        if not self.decides:
            return "No test fails on the untouched code, so none shows the issue."
        return ""

    def told(self) -> str:
        """Return what the author is told."""
        first, second = self.runs
        failing = [reason(first, test) for test in self.failing]
        unsteady = [_both(test, self.runs) for test in self.unsteady]
        other = [f": {first.outcomes[test]}{reason(first, test)}" for test in self.other]
        blocks = (
            _block(DECIDE, self.failing, failing),
            _block("pass already, so they only guard", self.passing),
            _block("are not the same twice", self.unsteady, unsteady),
            _block("break or are skipped, so they decide nothing", self.other, other),
        )
        found = "\n".join(block for block in blocks if block)
        said = [f"On the untouched code, in two runs:\n{found}"] if found else []
        if self.problem:
            return "\n".join([*said, self.problem, ending(second)])
        return "\n".join(
            [*said, "Does each fail for the reason that the issue gives? Then `submit`, else mend it."]
        )


async def validate(base: BaseRuns, path: str, content: str) -> Validated:
    """Return what two runs of a test file on the base show.

    Raises:
        SandboxError: the base cannot be forked or the file cannot be written.
    """
    first, second = await base.run(path, content), await base.run(path, content, take=1)
    tests = [test for test in {**first.outcomes, **second.outcomes} if "::" in test]
    steady = [test for test in tests if _what(first, test) == _what(second, test)]
    took = {test: first.outcomes[test] for test in steady}
    # what ran out of time shows nothing, however far it came
    whole = all(run.status is Status.EXITED for run in (first, second))
    return Validated(
        path,
        content,
        (first, second),
        failing=tuple(test for test in steady if took[test] is Outcome.FAILED and whole),
        passing=tuple(test for test in steady if took[test] is Outcome.PASSED),
        unsteady=tuple(test for test in tests if test not in took),
        other=tuple(test for test in steady if took[test] not in {Outcome.FAILED, Outcome.PASSED}),
    )


def tells_that_it_decides(told: str) -> bool:
    """Whether what an author was told of a file says that a test of it decides."""
    return re.search(rf"^\d+ {DECIDE}:$", told, re.MULTILINE) is not None


def _what(run: BaseRun, test: str) -> tuple[Outcome, str]:
    return run.outcomes.get(test, Outcome.MISSING), without_noise(run.messages.get(test, ""))


def _both(test: str, runs: tuple[BaseRun, BaseRun]) -> str:
    first, second = (f"{run.outcomes.get(test, Outcome.MISSING)}{reason(run, test)}" for run in runs)
    return f": first {first}, then {second}"


def _block(what: str, tests: Sequence[str], notes: Sequence[str] = ()) -> str:
    """Return tests of one sort, one a line, by what stands behind the file in their ids."""
    if not tests:
        return ""
    noted = notes or [""] * len(tests)
    lines = [f"- {test.partition('::')[2]}{note}" for test, note in zip(tests, noted, strict=True)]
    more = [f"- and {len(lines) - LISTED} more"] if len(lines) > LISTED else []
    return "\n".join([f"{len(tests)} {what}:", *lines[:LISTED], *more])
