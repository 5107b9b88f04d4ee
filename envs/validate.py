"""Proof that a task is sound: its hidden tests fail before the fix and pass after it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from envs.grading import OfficialRun, official_run
from envs.outcomes import Outcome
from envs.task import Task, TaskError
from sandbox.base import Root, SandboxHost

_BROKEN = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.TIMED_OUT})


@dataclass(frozen=True, slots=True)
class Validation:
    """What validating one task found; `problems` is one line each, empty for a sound task."""

    instance_id: str
    problems: tuple[str, ...]
    fail_to_pass: int
    pass_to_pass: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with the task."""
        return not self.problems


async def validate(task: Task, root: Root, host: SandboxHost) -> Validation:
    """Run the hidden tests on the base and on the base with the reference fix.

    Without the fix each FAIL_TO_PASS test must fail, which a skipped or absent one does not, and each
    PASS_TO_PASS test pass; with it all must pass.

    Raises:
        TaskError: the task has no hidden tests or no reference fix, or its setup fails.
        SandboxError: the sandbox failed.
    """
    grading = task.grading.unseal() if task.grading else None
    if grading is None or not grading.gold_patch:
        raise TaskError(f"{task.instance_id} has no hidden tests and fix to validate")
    began = time.monotonic()
    before = await official_run(task, grading, root, host, "")
    after = await official_run(task, grading, root, host, grading.gold_patch)
    return Validation(
        instance_id=task.instance_id,
        problems=tuple(_problems(before, after)),
        fail_to_pass=len(grading.fail_to_pass),
        pass_to_pass=len(grading.pass_to_pass),
        seconds=time.monotonic() - began,
    )


def _problems(before: OfficialRun, after: OfficialRun) -> Iterator[str]:
    for when, done in (("without the fix", before), ("with the fix", after)):
        if done.message:
            yield f"{when}: {' '.join(done.message.split())}"
    passed = frozenset({Outcome.PASSED})
    yield from _unlike(_BROKEN, "FAIL_TO_PASS", "without the fix", before.fail_to_pass.items())
    yield from _unlike(passed, "PASS_TO_PASS", "without the fix", before.pass_to_pass.items())
    yield from _unlike(passed, "FAIL_TO_PASS", "with the fix", after.fail_to_pass.items())
    yield from _unlike(passed, "PASS_TO_PASS", "with the fix", after.pass_to_pass.items())


def _unlike(
    wanted: frozenset[Outcome], kind: str, when: str, tests: Iterable[tuple[str, Outcome]]
) -> Iterator[str]:
    """Name each test whose outcome is none of those wanted."""
    for test, outcome in tests:
        if outcome not in wanted and outcome is not Outcome.NOT_APPLIED:
            yield f"{kind} test is {outcome.value} {when}: {test}"
