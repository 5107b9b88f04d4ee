"""One run of an instance's official tests on a patch, judged by the rule of its family."""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field

from envs.assets import staged
from envs.brought_parser import ScriptReader
from envs.canary import canary_for
from envs.grade import GradeStatus
from envs.official import OfficialLog, as_if_alone, run_official
from envs.outcomes import Outcome, TestRun
from envs.prepare import Prepared
from envs.rooms import grading_room, put_in_place
from envs.swebench.live import RULE, live_resolved
from envs.swebench.r2e import R2E_COMMAND, r2e_outcomes, run_r2e
from envs.swebench.verdict import Report, report_on, statuses_in
from envs.task import Grading, Task, TaskError
from envs.testrun import outcome_of, run_tests
from sandbox.base import Limits, Sandbox, SandboxFileError, SandboxHost, Status

TEST_SECONDS = 1800.0
"""Time for one run of the official tests."""
Rule = Callable[[Sandbox, Task, Grading, float], Awaitable["OfficialRun"]]
_OUTCOMES = {
    "PASSED": Outcome.PASSED,
    "XFAIL": Outcome.PASSED,  # as the harness counts it
    "FAILED": Outcome.FAILED,
    "ERROR": Outcome.ERROR,
    "SKIPPED": Outcome.SKIPPED,
}
_BROKEN = frozenset({"FAILED", "ERROR"})
_UNTRUE = (
    "the run's report does not tell the truth: a test of ours that must fail did not, or was not reported"
)


@dataclass(frozen=True, slots=True)
class OfficialRun:
    """One run of the official tests, or why there was none.

    `resolved` is the family's own rule. `ran` is false where the patch or the tests could not be put in
    place, or where the log shows no test that ran. `forged` says why the report is not believed, empty
    where it is; `silent` is true where tests of ours that were to tell are not in it at all.
    """

    fail_to_pass: Mapping[str, Outcome]
    pass_to_pass: Mapping[str, Outcome]
    resolved: bool = False
    ran: bool = True
    forged: str = ""
    silent: bool = False
    patch_applied: bool = True
    timed_out: bool = False
    command: str = ""
    log: str = ""
    seconds: float = 0.0
    versions: Mapping[str, str] = field(default_factory=dict)
    message: str = ""

    @property
    def status(self) -> GradeStatus:
        """What this run alone says."""
        if not self.patch_applied:
            return GradeStatus.PATCH_DOES_NOT_APPLY
        if self.timed_out:
            return GradeStatus.TIMED_OUT
        believed = not self.forged and not self.silent
        return GradeStatus.RESOLVED if self.resolved and believed else GradeStatus.UNRESOLVED

    @property
    def unbelieved(self) -> bool:
        """Whether it would be resolved, were tests of ours in its report."""
        return self.resolved and self.silent and not self.forged


async def official_run(
    task: Task,
    grading: Grading,
    prepared: Prepared,
    host: SandboxHost,
    patch: str,
    limits: Limits | None = None,
    seconds: float = TEST_SECONDS,
) -> OfficialRun:
    """Run the official tests once, in a fresh sandbox, on the base with a patch that may be empty.

    Raises:
        TaskError: the task's setup fails, or its log cannot be judged.
        SandboxError: the sandbox failed.
    """
    if grading.missing:
        raise TaskError(f"{task.instance_id} cannot be graded: {grading.missing}")
    limits = limits or Limits()
    script = functools.partial(_by_script, ScriptReader(host, prepared.grading, limits))
    rules: Mapping[str, Rule] = {"junit": _by_junit, "r2e": _by_r2e, "script": script}
    async with grading_room(task, prepared, host, limits) as room:
        unplaced = await put_in_place(room, task, grading, prepared, patch)
        if unplaced is not None:
            return _not_run(grading, patch_applied=unplaced.patch_applied, message=unplaced.message)
        return await rules.get(grading.log_parser, _by_log)(room, task, grading, seconds)


async def _by_junit(room: Sandbox, task: Task, grading: Grading, seconds: float) -> OfficialRun:
    """Judge by pytest's own report and exit code."""
    canary = canary_for(grading.test_command, grading.test_files)
    if canary is not None:
        try:
            await room.write(canary.path, canary.content.encode())
        except SandboxFileError:
            canary = None
    run = await run_tests(room, canary.command if canary else grading.test_command, (), timeout=seconds)
    statuses = {test: one.value for test, one in run.outcomes.items()}
    silent = canary is not None and not canary.seen(statuses)
    fail, keep = _from_run(run, grading.fail_to_pass), _from_run(run, counted(grading))
    passed = all(one is Outcome.PASSED for one in (*fail.values(), *keep.values()))
    return OfficialRun(
        fail_to_pass=fail,
        pass_to_pass=keep,
        resolved=passed and bool(fail),
        forged="" if canary is None or silent or canary.sings(statuses) else _UNTRUE,
        silent=silent,
        ran=bool(run.outcomes),
        timed_out=run.status is Status.TIMED_OUT,
        command=run.command,
        log=(canary.note() if canary else "") + run.output,
        seconds=run.seconds,
    )


async def _by_log(room: Sandbox, task: Task, grading: Grading, seconds: float) -> OfficialRun:
    """Judge by the swebench package on the log that its harness would have seen."""
    log = await run_official(room, grading, timeout=seconds, assets=await staged(room, task, grading.assets))
    return await asyncio.to_thread(_of_log, task, grading, log)


def _of_log(task: Task, grading: Grading, log: OfficialLog) -> OfficialRun:
    instance = _instance(task, grading)
    outputs = [log.output, _backwards(log.output), log.output_with_canary]
    plain, turned, whole = statuses_in(instance, outputs)
    sings = log.canary is not None and log.canary.sings(whole)
    silent = log.canary is not None and not log.canary.seen(whole)
    alone = as_if_alone(log, any(one in _BROKEN for one in plain.values())) if sings else log
    report = report_on(instance, alone.log)
    untrue = log.canary is not None and not sings and not silent
    live = grading.rule == RULE and live_resolved(plain, grading.fail_to_pass, counted(grading))
    resolved = live if grading.rule == RULE else report.resolved
    return OfficialRun(
        fail_to_pass=_outcomes(report, plain, grading.fail_to_pass, log.status),
        pass_to_pass=_outcomes(report, plain, counted(grading), log.status),
        resolved=resolved and log.status is not Status.TIMED_OUT,
        forged=_contradicted(plain, turned, grading) or (_UNTRUE if untrue else ""),
        silent=silent,
        ran=bool(plain) or report.ran or (log.canary is not None and not silent),
        timed_out=log.status is Status.TIMED_OUT,
        command=log.command,
        log=alone.log,
        seconds=log.seconds,
        versions={"swebench": report.version},
    )


async def _by_script(
    reader: ScriptReader, room: Sandbox, task: Task, grading: Grading, seconds: float
) -> OfficialRun:
    """Judge by what a program of other people's reads: every official test is among those that passed."""
    stderr = f"/tmp/{secrets.token_hex(16)}.log"  # noqa: S108 (inside the sandbox)
    assets = await staged(room, task, grading.assets)
    log = await run_official(room, grading, timeout=seconds, stderr=stderr, assets=assets)
    output, errors = log.output_with_canary, await _text(room, stderr)
    plain, turned = await reader.read(
        grading.parser_script, [(output, errors), (_backwards(output), _backwards(errors))]
    )
    statuses, canary = plain.statuses, log.canary
    fail, keep = _listed(statuses, grading.fail_to_pass), _listed(statuses, counted(grading))
    silent = canary is not None and not canary.seen(statuses)
    untrue = canary is not None and not silent and not canary.sings(statuses)
    timed_out = log.status is Status.TIMED_OUT
    passed = all(one is Outcome.PASSED for one in (*fail.values(), *keep.values()))
    return OfficialRun(
        fail_to_pass=fail,
        pass_to_pass=keep,
        resolved=passed and bool(fail) and not timed_out,
        forged=_contradicted(statuses, turned.statuses, grading) or (_UNTRUE if untrue else ""),
        silent=silent,
        ran=bool(statuses),
        timed_out=timed_out,
        command=log.command,
        log="\n".join([log.log, "What the tests wrote to stderr:", errors, plain.problem]),
        seconds=log.seconds,
    )


async def _by_r2e(room: Sandbox, task: Task, grading: Grading, seconds: float) -> OfficialRun:
    """Judge by R2E-Gym's rule: every outcome as recorded, and no other test."""
    run = await run_r2e(room, seconds)
    found = r2e_outcomes(run.text)
    timed_out = run.status is Status.TIMED_OUT
    matches = bool(grading.expected) and found == dict(grading.expected)
    return OfficialRun(
        fail_to_pass=_listed(found, grading.expected),
        pass_to_pass={},
        resolved=matches and not timed_out,
        ran=bool(found),
        timed_out=timed_out,
        command=R2E_COMMAND,
        log=run.text,
        seconds=run.seconds,
    )


def _instance(task: Task, grading: Grading) -> dict[str, object]:
    """Return a row in the schema of swebench 5; our own part is the log, so it holds no script."""
    return {
        "instance_id": task.instance_id,
        "image": task.environment.image or "",
        "repo": task.repo,
        "version": grading.version,
        "FAIL_TO_PASS": list(grading.fail_to_pass),
        "PASS_TO_PASS": counted(grading),
        "log_parser": grading.log_parser,
        "eval_type": grading.eval_type,
        "eval_script": grading.eval_script,
    }


def _backwards(text: str) -> str:
    return "\n".join(reversed(text.split("\n")))


async def _text(room: Sandbox, path: str) -> str:
    """Return a file's text; empty where a patch has removed it."""
    try:
        return (await room.read(path)).decode("utf-8", "replace")
    except SandboxFileError:
        return ""


def _listed(statuses: Mapping[str, str], tests: Iterable[str]) -> Mapping[str, Outcome]:
    return {test: _OUTCOMES.get(statuses.get(test, ""), Outcome.MISSING) for test in tests}


def _contradicted(plain: Mapping[str, str], turned: Mapping[str, str], grading: Grading) -> str:
    """Name a test that the log reports as passed and, in another place, as failed; empty where none is.

    Names of pytest's tests are unique in a run; other runners report tests of different files by one name.
    """
    if "::" not in "".join(plain):
        return ""
    tests = (*grading.fail_to_pass, *grading.pass_to_pass)
    both = (test for test in tests if plain.get(test) == "PASSED" and turned.get(test) in _BROKEN)
    name = next(both, "")
    return f"the log reports {name} both as passed and as failed" if name else ""


def counted(grading: Grading) -> list[str]:
    """Return the tests of PASS_TO_PASS that are not set aside."""
    aside = set(grading.known_failures)
    return [test for test in grading.pass_to_pass if test not in aside]


def _outcomes(
    report: Report, statuses: Mapping[str, str], tests: Iterable[str], ended: Status
) -> Mapping[str, Outcome]:
    """Return each test's outcome: as the package counts it, whose data hold names that are cut short."""
    absent = Outcome.TIMED_OUT if ended is Status.TIMED_OUT else Outcome.MISSING

    def outcome(test: str) -> Outcome:
        found = _OUTCOMES.get(statuses.get(test, ""), absent)
        kept = test in report.passed and found is not Outcome.SKIPPED
        return Outcome.PASSED if kept else found

    return {test: outcome(test) for test in tests}


def _from_run(run: TestRun, tests: Iterable[str]) -> Mapping[str, Outcome]:
    return {test: outcome_of(run, test) for test in tests}


def _not_run(grading: Grading, *, patch_applied: bool, message: str) -> OfficialRun:
    return OfficialRun(
        dict.fromkeys(grading.fail_to_pass or grading.expected, Outcome.NOT_APPLIED),
        dict.fromkeys(grading.pass_to_pass, Outcome.NOT_APPLIED),
        ran=False,
        patch_applied=patch_applied,
        message=" ".join(message.split()),
    )
