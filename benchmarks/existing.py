"""Existing tests near a change that together take no more than so many seconds, by running them once."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envs.outcomes import Outcome, TestRun
from envs.regressions import dotted, existing_tests
from envs.testrun import run_tests
from sandbox.base import Sandbox, Status
from sandbox.forks import forked

_DURATION = re.compile(r"^(\d+\.\d+)s (?:setup|call|teardown) +(\S.*?)\s*$", re.MULTILINE)
SEEN, NEAREST = 60, 5
"""Files that are ranked, and of those looked at, at most."""
LOOKED, LONGEST = 40.0, 120.0
"""Seconds after which no further file is looked at, and that one file may take."""
STARTING = 1.5
"""Seconds that a run of pytest takes beside the tests."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Test files, slow tests of them that are left out, and the seconds that the rest takes."""

    files: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    seconds: float = 0.0

    def runner(self, runner: str) -> str:
        """Return a test command that leaves out what is left out."""
        return " ".join([runner, *(f"--deselect {shlex.quote(test)}" for test in self.left_out)])


async def choose_existing(base: Sandbox, runner: str, changed: Sequence[str], seconds: float) -> Chosen:
    """Return the nearest test files of the base that fit into the seconds.

    Of a file that alone takes longer the slowest tests are left out. A file in which nothing passes is not
    taken.
    """
    files: list[str] = []
    left_out: list[str] = []
    spent = looked = 0.0
    nearest = await existing_tests(base, changed, limit=SEEN)
    for file in sorted(nearest, key=lambda file: -_shared(file, changed))[:NEAREST]:
        if spent > 0.8 * seconds or looked > LOOKED:
            break
        async with forked(base) as box:
            run = await run_tests(box, f"{runner} --durations=0", [file], timeout=LONGEST)
        looked += run.seconds
        if run.status is not Status.EXITED or Outcome.PASSED not in run.outcomes.values():
            continue
        slow, rest = _fitted(run, seconds - spent)
        if rest is None:
            continue
        files.append(file)
        left_out += slow
        spent += rest
    return Chosen(tuple(files), tuple(left_out), spent)


def _shared(file: str, changed: Sequence[str]) -> float:
    """Return how much of a changed module's dotted name is in the name of a test file.

    Where one package is imported by every test this tells `tests/test_ext_autodoc.py` from the others.
    """
    words = set(re.split(r"[^a-z0-9]+|_", file.lower()))
    best = 0.0
    for path in changed:
        parts = {part for part in re.split(r"[^a-z0-9]+", dotted(path).lower().replace("_", "."))[1:] if part}
        best = max(best, len(parts & words) / (len(parts) or 1))
    return best


def _fitted(run: TestRun, seconds: float) -> tuple[list[str], float | None]:
    """Return what to leave out of a file for it to fit, and how long the rest takes (None: never fits)."""
    if run.seconds <= seconds:
        return [], run.seconds
    durations = _durations(run.output)
    starting = max(STARTING, run.seconds - sum(durations.values()))
    rest, slow = sum(durations.values()), []
    for test, took in sorted(durations.items(), key=lambda item: -item[1]):
        if rest + starting <= seconds:
            break
        slow.append(test)
        rest -= took
    passing = [test for test, one in run.outcomes.items() if one is Outcome.PASSED and test not in slow]
    return (slow, rest + starting) if passing and rest + starting <= seconds else ([], None)


def _durations(output: str) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for seconds, test in _DURATION.findall(output):
        found[test] = found.get(test, 0.0) + float(seconds)
    return found
