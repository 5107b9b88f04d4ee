"""Whether a test shows an issue: what it does on the untouched base, twice, and why that is not enough."""

from __future__ import annotations

import re

from agent.base_runs import BaseRun, BaseRuns
from envs.outcomes import Outcome
from sandbox.base import Status

_BROKEN = (Outcome.ERROR, Outcome.TIMED_OUT)


async def tried(base: BaseRuns, path: str, content: str) -> tuple[BaseRun, str]:
    """Run a test file on the base; return what it did, and why it does not show the issue, empty if it does.

    Raises:
        SandboxError: the base cannot be forked, or the file cannot be written.
    """
    first = await base.run(path, content)
    if problem := why_not_shown(first, path):
        return first, problem
    second = await base.run(path, content, take=1)
    return first, _difference(first, second)


def why_not_shown(run: BaseRun, path: str) -> str:
    """Return why one run of a test file shows nothing of an issue; empty where a test of it failed."""
    if run.status is Status.TIMED_OUT:
        return "it ran out of time. Ask for nothing slow, and wait for nothing."
    if run.status is not Status.EXITED:
        return f"the run was ended from outside ({run.status.value.replace('_', ' ')})."
    broken = [test for test, outcome in run.outcomes.items() if outcome in _BROKEN]
    if "::" not in "".join(broken) and broken:
        return (
            f"it could not be collected: {_message(run, broken[0])}. Import what may be missing inside "
            "of the test functions."
        )
    if broken:
        return (
            f"{broken[0]} broke before it came to a verdict: {_message(run, broken[0])}. Call what the issue "
            "is about in the test function, not in a fixture."
        )
    if Outcome.FAILED in run.outcomes.values():
        mistake = re.search(rf"^{re.escape(path)}:\d+: NameError", run.output, re.MULTILINE)
        return f"the test itself uses a name that it does not define ({mistake[0]})." if mistake else ""
    if Outcome.SKIPPED in run.outcomes.values():
        return "its tests were skipped or expected to fail, and none failed."
    if Outcome.PASSED in run.outcomes.values():
        return "all its tests pass on the untouched repository, so it does not show the issue."
    return "pytest found no test in it."


def _message(run: BaseRun, test: str) -> str:
    return (run.messages.get(test, "").strip().splitlines() or ["no reason was reported"])[0][:300].rstrip(
        "."
    )


def _difference(first: BaseRun, second: BaseRun) -> str:
    for test in sorted(first.outcomes.keys() | second.outcomes.keys()):
        one, other = (run.outcomes.get(test, Outcome.MISSING).value for run in (first, second))
        if one != other:
            return (
                f"two runs differ: {test} was {one}, then {other}. Nothing may be random or depend on time."
            )
    return ""
