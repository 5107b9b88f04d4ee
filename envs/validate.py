"""Proof that a task is sound: its hidden tests fail before the fix and pass after it."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from envs.judging import OfficialRun, official_run
from envs.outcomes import Outcome
from envs.prepare import Prepared
from envs.task import Task, TaskError
from sandbox.base import Limits, SandboxHost

_BROKEN = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.TIMED_OUT})
_ABSENT = frozenset({Outcome.MISSING})
_PASSED = frozenset({Outcome.PASSED})
_SKIPPED = frozenset({Outcome.SKIPPED})


@dataclass(frozen=True, slots=True)
class Validation:
    """What validating one task found.

    `problems` is one line each, empty for a sound task. `set_aside` are tests of PASS_TO_PASS that fail here
    with the fix too, in two runs: they say nothing of a patch and are not counted where it is graded.
    """

    instance_id: str
    problems: tuple[str, ...]
    set_aside: tuple[str, ...]
    fail_to_pass: int
    pass_to_pass: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with the task."""
        return not self.problems


async def validate(
    task: Task, prepared: Prepared, host: SandboxHost, limits: Limits | None = None
) -> Validation:
    """Run the hidden tests on the base and on the base with the reference fix.

    Without the fix each FAIL_TO_PASS test must fail, which a skipped one does not, and the task must not
    count as resolved; with it all must pass, but for the tests of PASS_TO_PASS that are set aside by name.

    Raises:
        TaskError: the task has no hidden tests or no reference fix, or its setup fails.
        SandboxError: the sandbox failed.
    """
    grading = task.grading.unseal() if task.grading else None
    if grading is None or not grading.gold_patch:
        raise TaskError(f"{task.instance_id} has no hidden tests and fix to validate")
    began = time.monotonic()

    async def run(patch: str, aside: Sequence[str] = ()) -> OfficialRun:
        counting = replace(grading, known_failures=(*grading.known_failures, *aside))
        return await official_run(task, counting, prepared, host, patch, limits)

    before, after = await run(""), await run(grading.gold_patch)
    failing = _not_passed(after)
    if failing:
        again = await run(grading.gold_patch)
        failing = [test for test in _not_passed(again) if test in failing]
        after = await run(grading.gold_patch, failing)
    problems = tuple(_problems(before, after, set(failing)))
    return Validation(
        instance_id=task.instance_id,
        problems=problems,
        set_aside=tuple(failing) if not problems else (),
        fail_to_pass=len(after.fail_to_pass),
        pass_to_pass=len(grading.pass_to_pass),
        seconds=time.monotonic() - began,
    )


def _not_passed(after: OfficialRun) -> list[str]:
    """Return the tests that ought to have gone on passing; none where the run did not come to its end."""
    kept = after.pass_to_pass.items()
    ended = after.ran and not after.timed_out
    return [test for test, one in kept if one not in {Outcome.PASSED, Outcome.SKIPPED}] if ended else []


def _problems(before: OfficialRun, after: OfficialRun, aside: Container[str]) -> Iterator[str]:
    for when, done in (("without the fix", before), ("with the fix", after)):
        if done.message:
            yield f"{when}: {' '.join(done.message.split())}"
        elif done.timed_out:
            yield f"{when}: the time was up before the tests had ended"
    if before.resolved:
        yield "without the fix: it counts as resolved"
    # a test file that cannot be imported without the fix leaves its tests unreported
    yield from _unlike(_BROKEN | _ABSENT, "FAIL_TO_PASS", "without the fix", before.fail_to_pass.items())
    if before.ran and not before.timed_out:
        kept = (item for item in before.pass_to_pass.items() if item[0] not in aside)
        yield from _unlike(_PASSED | _SKIPPED, "PASS_TO_PASS", "without the fix", kept)
    if not after.ran and not after.message:
        yield "with the fix: no test ran"
        return
    yield from _unlike(_PASSED, "FAIL_TO_PASS", "with the fix", after.fail_to_pass.items())
    if after.forged:
        yield f"with the fix: {after.forged}"
    elif not after.resolved and not after.message and not after.timed_out:
        yield "with the fix: it does not count as resolved"


def _unlike(
    wanted: frozenset[Outcome], kind: str, when: str, tests: Iterable[tuple[str, Outcome]]
) -> Iterator[str]:
    """Name each test whose outcome is none of those wanted."""
    for test, outcome in tests:
        if outcome not in wanted and outcome is not Outcome.NOT_APPLIED:
            yield f"{kind} test is {outcome.value} {when}: {test}"
