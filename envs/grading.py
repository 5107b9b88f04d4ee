"""Whether a patch resolves a task: the hidden tests, in a fresh sandbox, on the patch alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from envs.grade import Grade, GradeStatus
from envs.judging import TEST_SECONDS, OfficialRun, official_run
from envs.outcomes import Outcome
from envs.prepare import Prepared
from envs.task import Grading, Task, TaskError
from sandbox.base import Limits, SandboxError, SandboxGoneError, SandboxHost

__all__ = ["Grade", "GradeStatus", "grade"]

_OUTPUT_TAIL = 8000
_SILENT = "tests of ours are missing from the run's report, which are in that of the reference fix"


async def grade(
    task: Task,
    prepared: Prepared,
    host: SandboxHost,
    patch: str,
    *,
    limits: Limits | None = None,
    reruns: int = 1,
    seconds: float = TEST_SECONDS,
) -> Grade:
    """Grade a patch with the task's hidden tests.

    The patch is applied to a fresh sandbox, what it did to tests and to their configuration is undone, the
    official tests are added, and the official command runs. An empty patch is not run. A surprising failure
    (all of FAIL_TO_PASS pass and some of PASS_TO_PASS do not) is looked at again: two further runs, and the
    majority counts. Where no test ran, or tests of ours that must be in the report are not, the reference fix
    is graded too, and shows whether that is the patch's doing.

    Args:
        task: the task, with its sealed part.
        prepared: what its sandboxes start from.
        host: makes the sandboxes; a fresh one for each run.
        patch: unified diff against the base commit.
        limits: what each sandbox may use.
        reruns: how often to run; a patch on which several runs disagree is `flaky`.
        seconds: time for one run of the tests.

    Raises:
        TaskError: the task has no hidden tests, or its setup fails.
    """
    if task.grading is None:
        raise TaskError(f"{task.instance_id} has no hidden tests to grade with")
    grading = task.grading.unseal()
    if not patch.strip():
        return Grade(task.instance_id, GradeStatus.EMPTY_PATCH, message="the patch changes nothing")

    async def once(diff: str) -> OfficialRun:
        return await _unless_it_ends_itself(task, grading, prepared, host, diff, limits, seconds)

    try:
        done = [await once(patch) for _ in range(max(1, reruns))]
        if reruns <= 1 and _surprising(done[0], grading):
            done += [await once(patch) for _ in range(2)]
        doubtful = [one for one in done if one.unbelieved or _nothing_ran(one)]
        if doubtful:
            control = await once(grading.gold_patch)
            if control.unbelieved or (not grading.gold_patch and control.silent and control.ran):
                done = [replace(one, silent=False) for one in done]
            elif _nothing_ran(doubtful[-1]) and not (control.resolved if grading.gold_patch else control.ran):
                return _found(task, grading, prepared, doubtful, GradeStatus.ENVIRONMENT_BROKEN)
    except SandboxError as error:
        return Grade(task.instance_id, GradeStatus.INFRASTRUCTURE, message=" ".join(str(error).split()))
    return _found(task, grading, prepared, done, _verdict(done, reruns))


def _nothing_ran(run: OfficialRun) -> bool:
    """Whether a run on which the patch was put in place shows no test at all."""
    return not run.ran and run.patch_applied and not run.timed_out


async def _unless_it_ends_itself(
    task: Task,
    grading: Grading,
    prepared: Prepared,
    host: SandboxHost,
    patch: str,
    limits: Limits | None,
    seconds: float,
) -> OfficialRun:
    """Run the tests; a patch whose run ends its own sandbox, twice, does not pass them."""
    for _ in range(2):
        try:
            return await official_run(task, grading, prepared, host, patch, limits, seconds)
        except SandboxGoneError as error:
            last = error
    if patch:
        await official_run(
            task, grading, prepared, host, "", limits, seconds
        )  # raises where it is not the patch
        missing = dict.fromkeys(grading.fail_to_pass, Outcome.MISSING)
        return OfficialRun(missing, {}, ran=True, message="the run ended its own sandbox, twice")
    raise last


def _surprising(run: OfficialRun, grading: Grading) -> bool:
    passed = all(one is Outcome.PASSED for one in run.fail_to_pass.values())
    return bool(grading.pass_to_pass and run.fail_to_pass) and run.ran and passed and not run.resolved


def _verdict(done: list[OfficialRun], reruns: int) -> GradeStatus:
    found = Counter(one.status for one in done)
    if len(found) > 1 and reruns > 1:
        return GradeStatus.FLAKY
    return found.most_common(1)[0][0]


def _found(
    task: Task, grading: Grading, prepared: Prepared, done: list[OfficialRun], status: GradeStatus
) -> Grade:
    shown = next((one for one in reversed(done) if one.status is status), done[-1])
    counted = Counter(one.status.value for one in done)
    message = shown.message or (_unbelieved(shown) if shown.resolved else "")
    if len(counted) > 1:
        told = ", ".join(f"{count} {one}" for one, count in counted.items())
        message = "; ".join([*([message] if message else []), f"runs disagree: {told}"])
    aside = set(grading.known_failures)
    return Grade(
        instance_id=task.instance_id,
        status=status,
        fail_to_pass=shown.fail_to_pass,
        pass_to_pass=shown.pass_to_pass,
        rule=grading.judged_by,
        set_aside=tuple(test for test in grading.pass_to_pass if test in aside),
        command=shown.command,
        output=shown.log[-_OUTPUT_TAIL:],
        log=shown.log,
        image=prepared.grading.image or "",
        versions=shown.versions,
        seconds=sum(one.seconds for one in done),
        runs=len(done),
        message=" ".join(message.split()),
    )


def _unbelieved(run: OfficialRun) -> str:
    """Say why a run whose tests all seem to pass is not called resolved; empty where it is."""
    return run.forged or (_SILENT if run.silent else "")
