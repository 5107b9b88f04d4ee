"""What one test did, told apart finely enough that nothing broken looks like a pass."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.base import Status


class Outcome(enum.StrEnum):
    """What one test did."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """It did not run to a verdict: import error, fixture error, collection error, crash."""
    SKIPPED = "skipped"
    """Skipped or expected to fail; never a pass."""
    TIMED_OUT = "timed_out"
    MISSING = "missing"
    """It was asked for and the run did not report it."""
    NOT_APPLIED = "not_applied"
    """The patch or the test file could not be put in place."""


@dataclass(frozen=True, slots=True)
class TestRun:
    """One run of a test command: each test's outcome by its id, and how the command itself ended.

    Ids are pytest node ids relative to the working folder. `messages` holds the first line of each failure.
    """

    __test__ = False

    command: str
    status: Status
    exit_code: int
    outcomes: Mapping[str, Outcome]
    messages: Mapping[str, str] = field(default_factory=dict)
    output: str = ""
    seconds: float = 0.0
