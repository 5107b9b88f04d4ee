"""What grading says of a patch."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from envs.outcomes import Outcome


class GradeStatus(enum.StrEnum):
    """What grading found."""

    RESOLVED = "resolved"
    """Every test that must pass passed."""
    UNRESOLVED = "unresolved"
    EMPTY_PATCH = "empty_patch"
    PATCH_DOES_NOT_APPLY = "patch_does_not_apply"
    TIMED_OUT = "timed_out"
    ENVIRONMENT_BROKEN = "environment_broken"
    """The tests do not run there, or the reference fix does not pass: no statement about the patch."""
    INFRASTRUCTURE = "infrastructure"
    """The sandbox failed or its image is missing: no statement about the patch."""
    FLAKY = "flaky"
    """Reruns disagreed."""

    @property
    def is_verdict(self) -> bool:
        """Whether it says something about the patch."""
        return self not in {GradeStatus.ENVIRONMENT_BROKEN, GradeStatus.INFRASTRUCTURE, GradeStatus.FLAKY}


@dataclass(frozen=True, slots=True)
class Grade:
    """The result of grading one patch: which tests did what, by which command, in which image.

    `fail_to_pass` and `pass_to_pass` give each official test's outcome; of several runs, those of the last.
    `rule` says how they became a verdict: `swebench`, `live`, `r2e`, `script` or `junit`. `set_aside` are
    tests that fail here with the fix too and were not counted. `output` is the end of what the test command
    printed and `log` all of it. `image` is the image's digest or id, `versions` those of what judged.
    `message` says what went wrong, where it did.
    """

    instance_id: str
    status: GradeStatus
    fail_to_pass: Mapping[str, Outcome] = field(default_factory=dict)
    pass_to_pass: Mapping[str, Outcome] = field(default_factory=dict)
    rule: str = ""
    set_aside: tuple[str, ...] = ()
    command: str = ""
    output: str = ""
    log: str = field(default="", repr=False)
    image: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    runs: int = 0
    message: str = ""

    @property
    def resolved(self) -> bool:
        """Whether every test that must pass passed."""
        return self.status is GradeStatus.RESOLVED

    @property
    def summary(self) -> str:
        """One line for people."""
        if not self.fail_to_pass:
            return self.message
        counts = [
            f"{_passes(tests)} of {len(tests)} {name}"
            for name, tests in (("FAIL_TO_PASS", self.fail_to_pass), ("PASS_TO_PASS", self.pass_to_pass))
        ]
        if self.set_aside:
            counts.append(f"{len(self.set_aside)} set aside")
        return ", ".join([*counts, *([self.message] if self.message else [])])


def _passes(tests: Mapping[str, Outcome]) -> int:
    return sum(outcome is Outcome.PASSED for outcome in tests.values())
