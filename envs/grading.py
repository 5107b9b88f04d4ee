"""Whether a patch resolves a task: the hidden tests, in a fresh sandbox, on the patch alone."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from envs.outcomes import Outcome, TestRun
from envs.patches import split
from envs.prepare import prepared_base
from envs.restore import restore_tests
from envs.task import Grading, Task, TaskError
from envs.testrun import outcome_of, run_tests
from sandbox.base import Limits, PatchError, Root, Sandbox, SandboxError, SandboxHost, Status

TEST_SECONDS = 1800.0
"""Time for one run of the official tests."""

_OUTPUT_TAIL = 8000


class GradeStatus(enum.StrEnum):
    """What grading found."""

    RESOLVED = "resolved"
    """Every test that must pass passed."""
    UNRESOLVED = "unresolved"
    EMPTY_PATCH = "empty_patch"
    PATCH_DOES_NOT_APPLY = "patch_does_not_apply"
    TIMED_OUT = "timed_out"
    INFRASTRUCTURE = "infrastructure"
    """The sandbox failed: no statement about the patch."""
    FLAKY = "flaky"
    """Reruns disagreed."""


@dataclass(frozen=True, slots=True)
class Grade:
    """The result of grading one patch: which tests did what, by which command.

    `fail_to_pass` and `pass_to_pass` give each official test's outcome; of several runs, those of the last.
    `output` is the end of what the test command printed. `message` says what went wrong, where it did.
    """

    instance_id: str
    status: GradeStatus
    fail_to_pass: Mapping[str, Outcome] = field(default_factory=dict)
    pass_to_pass: Mapping[str, Outcome] = field(default_factory=dict)
    command: str = ""
    output: str = ""
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
        counts = (
            f"{_passes(tests)} of {len(tests)} {name}"
            for name, tests in (("FAIL_TO_PASS", self.fail_to_pass), ("PASS_TO_PASS", self.pass_to_pass))
        )
        return ", ".join([*counts, *([self.message] if self.message else [])])


@dataclass(frozen=True, slots=True)
class OfficialRun:
    """One run of the official tests; `run` is None where the patch or the tests could not be put in place."""

    fail_to_pass: Mapping[str, Outcome]
    pass_to_pass: Mapping[str, Outcome]
    run: TestRun | None = None
    patch_applied: bool = True
    message: str = ""

    @property
    def status(self) -> GradeStatus:
        """What this run alone says."""
        if not self.patch_applied:
            return GradeStatus.PATCH_DOES_NOT_APPLY
        if self.run is not None and self.run.status is Status.TIMED_OUT:
            return GradeStatus.TIMED_OUT
        passed = all(
            one is Outcome.PASSED for one in (*self.fail_to_pass.values(), *self.pass_to_pass.values())
        )
        return GradeStatus.RESOLVED if passed and self.fail_to_pass else GradeStatus.UNRESOLVED


async def grade(
    task: Task, root: Root, host: SandboxHost, patch: str, *, limits: Limits | None = None, reruns: int = 1
) -> Grade:
    """Grade a patch with the task's hidden tests.

    The patch is applied to a fresh sandbox, what it did to tests and to their configuration is undone, the
    official tests are added, and the official command runs. An empty patch is not run.

    Args:
        task: the task, with its sealed part.
        root: what its sandboxes start from.
        host: makes the sandboxes; a fresh one for each run.
        patch: unified diff against the base commit.
        limits: what each sandbox may use.
        reruns: how often to run; a patch on which the runs disagree is `flaky`.

    Raises:
        TaskError: the task has no hidden tests, or its setup fails.
    """
    if task.grading is None:
        raise TaskError(f"{task.instance_id} has no hidden tests to grade with")
    grading = task.grading.unseal()
    if not patch.strip():
        return Grade(task.instance_id, GradeStatus.EMPTY_PATCH, message="the patch changes nothing")
    try:
        done = [await official_run(task, grading, root, host, patch, limits) for _ in range(max(1, reruns))]
    except SandboxError as error:
        return Grade(task.instance_id, GradeStatus.INFRASTRUCTURE, message=" ".join(str(error).split()))
    return _grade(task.instance_id, done)


async def official_run(
    task: Task, grading: Grading, root: Root, host: SandboxHost, patch: str, limits: Limits | None = None
) -> OfficialRun:
    """Run the official tests once, in a fresh sandbox, on the base with a patch that may be empty.

    Raises:
        TaskError: the task's setup fails.
        SandboxError: the sandbox failed.
    """
    hidden = tuple(dict.fromkeys([*grading.test_files, *(part.path for part in split(grading.test_patch))]))
    async with _room(task, root, host, limits or Limits()) as room:
        try:
            await apply_leniently(room, patch)
        except PatchError as error:
            return _not_run(grading, patch_applied=False, message=str(error))
        try:
            await restore_tests(room, root.tree, hidden)
            if grading.test_patch:
                await room.apply_patch(grading.test_patch)
        except PatchError as error:
            return _not_run(grading, patch_applied=True, message=f"the official tests have no place: {error}")
        run = await run_tests(room, grading.test_command, (), timeout=TEST_SECONDS)
    return OfficialRun(_outcomes(run, grading.fail_to_pass), _outcomes(run, grading.pass_to_pass), run)


async def apply_leniently(sandbox: Sandbox, patch: str) -> None:
    """Apply a patch as git does, else as `patch` does with some tolerance for lines that moved or differ.

    Raises:
        PatchError: neither can; the message is git's.
    """
    if not patch.strip():
        return
    try:
        await sandbox.apply_patch(patch)
    except PatchError:
        command = [
            "patch",
            "-p1",
            "--batch",
            "--fuzz=5",
            "--no-backup-if-mismatch",
            "--reject-file=-",
            "--input=-",
        ]
        result = await sandbox.exec(command, stdin=patch.encode("utf-8", "surrogateescape"), timeout=120)
        if not result.ok:
            raise


@asynccontextmanager
async def _room(task: Task, root: Root, host: SandboxHost, limits: Limits) -> AsyncIterator[Sandbox]:
    room = await prepared_base(task, root, host, limits)
    try:
        yield room
    finally:
        await asyncio.shield(room.close())


def _grade(instance_id: str, done: list[OfficialRun]) -> Grade:
    last = done[-1]
    verdicts = {one.status for one in done}
    disagree = ", ".join(sorted(verdicts))
    return Grade(
        instance_id=instance_id,
        status=last.status if len(verdicts) == 1 else GradeStatus.FLAKY,
        fail_to_pass=last.fail_to_pass,
        pass_to_pass=last.pass_to_pass,
        command=last.run.command if last.run else "",
        output=last.run.output[-_OUTPUT_TAIL:] if last.run else "",
        seconds=sum(one.run.seconds for one in done if one.run),
        runs=len(done),
        message=" ".join(last.message.split()) if len(verdicts) == 1 else f"runs disagree: {disagree}",
    )


def _outcomes(run: TestRun, tests: Iterable[str]) -> Mapping[str, Outcome]:
    return {test: outcome_of(run, test) for test in tests}


def _not_run(grading: Grading, *, patch_applied: bool, message: str) -> OfficialRun:
    return OfficialRun(
        dict.fromkeys(grading.fail_to_pass, Outcome.NOT_APPLIED),
        dict.fromkeys(grading.pass_to_pass, Outcome.NOT_APPLIED),
        patch_applied=patch_applied,
        message=message,
    )


def _passes(tests: Mapping[str, Outcome]) -> int:
    return sum(outcome is Outcome.PASSED for outcome in tests.values())
