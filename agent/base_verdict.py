"""What a test file did on the untouched base, in the words that its author is told."""

from __future__ import annotations

from agent.base_runs import BaseRun
from agent.excerpts import first_line, last_of_tests
from envs.outcomes import Outcome
from sandbox.base import Status

NAMED = 12
"""Tests that are named at most."""
LINES = 14
"""Last lines of the output that are shown."""

_BROKEN = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.TIMED_OUT})
_PLACE = "On the untouched code"


def verdict(run: BaseRun) -> str:
    """Return what a run shows: that the tests fail, pass, cannot be collected or hang; and its last lines."""
    counted = len(run.outcomes)
    failing = [test for test, outcome in run.outcomes.items() if outcome is Outcome.FAILED]
    if run.status is Status.TIMED_OUT:
        said = f"{_PLACE} it ran out of time, so it shows nothing. Make it quick."
    elif run.fails():
        said = (
            f"{_PLACE} {len(failing)} of {counted} tests fail, as they should if the reason below is the "
            f"issue's:\n{named(run, failing)}"
        )
    elif is_uncollectable(run):
        said = f"{_PLACE} it cannot be collected, so it shows nothing. {IMPORT_INSIDE}"
    elif run.outcomes and set(run.outcomes.values()) == {Outcome.PASSED}:
        return f"{_PLACE} it passes ({counted} tests): it does not show the issue."
    else:
        said = f"{_PLACE} no test of it failed:\n{named(run, list(run.outcomes))}"
    return f"{said}\n{ending(run)}"


IMPORT_INSIDE = "A name that does not exist yet is imported inside of the test, so that the test fails."


def is_uncollectable(run: BaseRun) -> bool:
    """Whether the file itself broke, so that none of its tests was found."""
    return not any("::" in test for test, outcome in run.outcomes.items() if outcome is not Outcome.MISSING)


def named(run: BaseRun, tests: list[str]) -> str:
    """Return tests one a line, each with its outcome and the first line of what went wrong."""
    lines = [
        f"- {test}: {run.outcomes[test]}{reason(run, test)}"
        for test in sorted(tests, key=lambda one: run.outcomes[one] not in _BROKEN)
    ]
    more = [f"- and {len(lines) - NAMED} more"] if len(lines) > NAMED else []
    return "\n".join([*lines[:NAMED], *more])


def reason(run: BaseRun, test: str) -> str:
    """Return the first line of a test's failure behind a colon, empty where there is none."""
    line = first_line(run.messages.get(test, ""), 200)
    return f": {line}" if line else ""


def ending(run: BaseRun) -> str:
    """Return the last lines of a run's output."""
    return f"The last lines of its output:\n{last_of_tests(run.output, LINES)}"
