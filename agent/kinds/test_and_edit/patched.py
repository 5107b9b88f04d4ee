"""What tests do on the patched repository: the own one, those of others, existing ones near the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.assignment import Assignment
from agent.base_runs import BaseRun, BaseRuns
from agent.kinds.test_and_edit.output import outcome_lines, shown_output
from agent.kinds.test_and_edit.record import OwnTest
from agent.kinds.test_and_edit.settings import MachineSettings
from agent.kinds.test_and_edit.siblings import name_of, path_of
from agent.shelf import SharedTest
from envs.outcomes import Outcome, TestRun
from envs.regressions import existing_tests
from envs.testrun import file_of, run_tests
from sandbox.base import SandboxFileError, Status
from sandbox.forks import forked

QUIET = 1500
"""Characters of output that are shown where all passed."""

_BAD = (Outcome.FAILED, Outcome.ERROR, Outcome.TIMED_OUT)


class PatchedRuns:
    """Runs tests in forks of the patched repository, which itself stays as it was edited."""

    def __init__(self, given: Assignment, base: BaseRuns, settings: MachineSettings) -> None:
        self._sandbox = given.sandbox
        self._runner = given.task.test_runner
        self._seconds = given.test_seconds
        self._base = base
        self._settings = settings

    async def own(self, test: OwnTest) -> str:
        """Return what the own test does on the base and on the patch.

        Raises:
            SandboxError: the sandbox cannot be forked.
        """
        before = await self._base.run(test.path, test.content)
        async with forked(self._sandbox) as fork:
            after = await run_tests(fork, self._runner, [test.path], timeout=self._seconds)
        return (
            f"# Your test {test.path}\n\nOn the untouched repository:\n"
            f"{outcome_lines(before.outcomes, before.messages)}\n\n"
            f"On your patch:\n{outcome_lines(after.outcomes, after.messages)}\n\n"
            f"{shown_output(after.output, self._settings.output if _bad(after.outcomes) else QUIET)}"
        )

    async def others(self, tests: Sequence[SharedTest]) -> str:
        """Return what the tests of others do on the patch; empty where there are none.

        Raises:
            SandboxError: the sandbox cannot be forked, or a test cannot be written.
        """
        if not tests:
            return ""
        places = [path_of(test) for test in tests]
        async with forked(self._sandbox) as fork:
            for test, place in zip(tests, places, strict=True):
                await fork.write(place, test.content.encode("utf-8", "surrogateescape"))
            run = await run_tests(fork, self._runner, places, timeout=self._seconds)
        parts = [
            f"The {name_of(test)}:\n{outcome_lines(_of_file(run, place), run.messages)}"
            for test, place in zip(tests, places, strict=True)
        ]
        output = shown_output(run.output, self._settings.output // 2) if _bad(run.outcomes) else ""
        return "\n\n".join(
            ["# Tests of other attempts, on your patch", *parts, *([output] if output else [])]
        )

    async def regressions(self, changed: Sequence[str], likely: str, seconds: float) -> str:
        """Return what existing tests near a change do worse than on the base.

        Args:
            changed: paths of the changed files.
            likely: text whose words name test files that the issue is likely about.
            seconds: what is left of the time.

        Raises:
            SandboxError: the sandbox cannot be forked, or its files cannot be listed.
        """
        head = "# Existing tests near the change"
        near = await existing_tests(self._sandbox, changed, limit=1000)
        files = _most_telling(near, likely, self._settings.regression_files)
        if not files:
            return f"{head}\n\nNone was found."
        limit = min(self._settings.regression_seconds, max(5.0, seconds / 3))
        run = await self._existing(files, limit)
        worse = await self._worse(run)
        again = await self._existing(worse, limit) if worse else None
        count = sum(outcome is Outcome.PASSED for outcome in run.outcomes.values())
        told = f"{count} pass, in {', '.join(files)}."
        if run.status is Status.TIMED_OUT:
            told += f" The run was ended after {limit:.0f} s; the rest says nothing."
        lost = {test: again.outcomes[test] for test in worse if again and again.outcomes.get(test) in _BAD}
        if again is None or not lost:
            return f"{head}\n\n{told} None fails that passes on the untouched repository."
        return (
            f"{head}\n\n{told} These pass on the untouched repository and fail on your patch, twice:\n"
            f"{outcome_lines(lost, again.messages)}\n\n{shown_output(again.output, self._settings.output)}"
        )

    async def _existing(self, targets: Sequence[str], seconds: float) -> TestRun:
        async with forked(self._sandbox) as fork:
            return await run_tests(fork, self._runner, targets, timeout=seconds)

    async def _worse(self, run: TestRun) -> list[str]:
        """Return the tests that failed and pass on the base, and files that can no longer be collected."""
        worse: list[str] = []
        bad = _bad(run.outcomes)
        for file in dict.fromkeys(map(file_of, bad)):
            base = await self._on_base(file)
            if base is not None:
                worse += [test for test in bad if file_of(test) == file and _passes(base, test)]
        return worse

    async def _on_base(self, file: str) -> BaseRun | None:
        """Return what an existing test file does on the base; no trajectory may have changed it."""
        try:
            data = await self._sandbox.read(file)
        except SandboxFileError:
            return None
        return await self._base.run(file, data.decode("utf-8", "surrogateescape"))


def _most_telling(near: Sequence[str], likely: str, limit: int) -> list[str]:
    """Return the test files to run: a third by how near they are, then those that the issue is likely about.

    Where everything imports one module, nearness alone would choose by the alphabet.
    """
    words = {word: place for place, word in enumerate(likely.split())}
    about = sorted((path for path in near if path in words), key=words.__getitem__)
    return list(dict.fromkeys([*near[: limit // 3], *about, *near]))[:limit]


def _bad(outcomes: Mapping[str, Outcome]) -> list[str]:
    return [test for test, outcome in outcomes.items() if outcome in _BAD]


def _of_file(run: TestRun, file: str) -> Mapping[str, Outcome]:
    return {test: outcome for test, outcome in run.outcomes.items() if file_of(test) == file}


def _passes(base: BaseRun, test: str) -> bool:
    if "::" in test:
        return base.outcomes.get(test) is Outcome.PASSED
    return Outcome.PASSED in base.outcomes.values()
