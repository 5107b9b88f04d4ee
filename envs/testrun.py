"""Running a repository's tests in a sandbox, believing no more of the report than the exit code confirms.

The rule. pytest's exit code and its report must tell the same story:

- exit code 0: the report exists and holds no failure;
- exit code 1 (tests failed) or 2 (interrupted, collection failed): the report holds a failure;
- anything else, a signal or a time-out: no story in which a test is known to have passed.

Where they do not agree, failures stand as reported and every reported pass becomes an `ERROR`, or `TIMED_OUT`
where the time was up. So a report can make a run look worse than its exit code, never better.
"""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from envs.junit import JUnitError, Report, parse_junit
from envs.outcomes import Outcome, TestRun
from sandbox.base import ExecResult, Sandbox, SandboxFileError, Status

OPTIONS = "-o junit_family=xunit1 -o junit_logging=no"
"""What pytest is told so that its report can be read."""
_BROKEN = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.TIMED_OUT})
_USAGE_ERROR = 4
_LONGEST_SHELL_TEXT = 100_000
"""Bytes; the kernel takes no single argument of 128 KiB or more."""


async def run_tests(
    sandbox: Sandbox,
    runner: str,
    targets: Sequence[str],
    *,
    timeout: float,  # noqa: ASYNC109 (ends the processes inside)
) -> TestRun:
    """Run pytest on test files, folders or node ids and return what each test did.

    Every target is answered for: one that the run does not report is `MISSING`, `TIMED_OUT` when the time was
    up, or has the outcome of the file or class around it when that could not be collected. One target that
    does not exist or cannot be collected does not keep the others from running.

    Args:
        sandbox: where to run; its working folder is the repository's.
        runner: shell command to which targets are appended; it must end in a pytest command line.
        targets: files, folders or node ids; none runs the command as it is.
        timeout: seconds for the whole run.

    Raises:
        SandboxError: the sandbox failed; no statement about the tests.
    """
    began = time.monotonic()
    run = await _run_once(sandbox, runner, targets, timeout)
    if run.exit_code == _USAGE_ERROR and run.status is Status.EXITED and targets:
        # pytest runs nothing at all when one of its targets does not exist
        files = await _existing(sandbox, dict.fromkeys(map(file_of, targets)))
        if files and files != list(targets):
            run = await _run_once(sandbox, runner, files, max(1.0, timeout - (time.monotonic() - began)))
    return replace(answered(run, targets), seconds=time.monotonic() - began)


def answered(run: TestRun, targets: Sequence[str]) -> TestRun:
    """Return a run with an outcome for every target, and of nothing that was not asked for."""
    asked = {target: outcome_of(run, target) for target in targets if not _reported_within(run, target)}
    kept = {test: outcome for test, outcome in run.outcomes.items() if _asked_for(test, targets)}
    return replace(run, outcomes=kept | asked)


def outcome_of(run: TestRun, test_id: str) -> Outcome:
    """Return what one test did; one that was not reported is never a pass.

    A test inside a file or class that was itself reported, because it could not be collected or was skipped
    as a whole, has that outcome.
    """
    if test_id in run.outcomes:
        return run.outcomes[test_id]
    around = _without_parameters(test_id)
    while "::" in around:
        around = around.rpartition("::")[0]
        outcome = run.outcomes.get(around)
        if outcome is not None and outcome is not Outcome.PASSED:
            return outcome
    return Outcome.TIMED_OUT if run.status is Status.TIMED_OUT else Outcome.MISSING


def quote_targets(targets: Iterable[str]) -> str:
    """Return targets as words of a shell command, whatever characters they hold.

    A target that starts with a dash is spelled so that it is not taken for an option.
    """
    return " ".join(shlex.quote(f"./{one}" if one.startswith("-") else one) for one in targets)


def file_of(target: str) -> str:
    """Return the file or folder of a node id."""
    return target.partition("::")[0]


async def _run_once(sandbox: Sandbox, runner: str, targets: Sequence[str], seconds: float) -> TestRun:
    path = f"/tmp/{secrets.token_hex(16)}.xml"  # noqa: S108 (inside the sandbox, where /tmp is private)
    rootdir = "" if "--rootdir" in runner else " --rootdir=."
    further = f"--continue-on-collection-errors {quote_targets(targets)}" if targets else ""
    command = f"{runner}{rootdir} {OPTIONS} --junitxml={path} {further}".rstrip()
    result = await _shell(sandbox, command, seconds)
    report = await _report(sandbox, path, targets)
    outcomes, messages = believed(report, result)
    return TestRun(command, result.status, result.exit_code, outcomes, messages, result.text, result.seconds)


async def _shell(sandbox: Sandbox, command: str, seconds: float) -> ExecResult:
    if len(command.encode()) <= _LONGEST_SHELL_TEXT:
        return await sandbox.exec(command, timeout=seconds)
    script = f"/tmp/{secrets.token_hex(16)}.sh"  # noqa: S108 (inside the sandbox)
    await sandbox.write(script, command.encode())
    return await sandbox.exec(["/bin/bash", script], timeout=seconds)


async def _report(sandbox: Sandbox, path: str, targets: Sequence[str]) -> Report | None:
    """Read and remove the report; None where there is none that can be read."""
    try:
        data = await sandbox.read(path)
        return parse_junit(data, (file for target in targets if (file := file_of(target)).endswith(".py")))
    except (SandboxFileError, JUnitError):
        return None
    finally:
        await sandbox.exec(["rm", "-rf", "--", path], timeout=30)


def believed(report: Report | None, result: ExecResult) -> tuple[Mapping[str, Outcome], Mapping[str, str]]:
    """Return what is believed of a report by the rule of this module: outcomes and messages by test."""
    if report is None:
        return {}, {}
    broken = any(outcome in _BROKEN for outcome in report.outcomes.values())
    exited = result.status is Status.EXITED
    confirmed = result.exit_code in {1, 2} if broken else result.exit_code == 0
    if exited and confirmed:
        return report.outcomes, report.messages
    denied = Outcome.TIMED_OUT if result.status is Status.TIMED_OUT else Outcome.ERROR
    why = f"reported as passed, but the command {_ending(result)}"
    passes = [test for test, outcome in report.outcomes.items() if outcome is Outcome.PASSED]
    outcomes = dict(report.outcomes) | dict.fromkeys(passes, denied)
    return outcomes, dict(report.messages) | dict.fromkeys(passes, why)


def _ending(result: ExecResult) -> str:
    if result.status is Status.TIMED_OUT:
        return "ran out of time"
    if result.exit_code == 0:
        return "exited with code 0 and reported failures"
    return f"ended with code {result.exit_code}"


async def _existing(sandbox: Sandbox, paths: Iterable[str]) -> list[str]:
    """Return those of the paths that exist in the sandbox."""
    script = 'while IFS= read -r -d "" path; do if [ -e "$path" ]; then printf "%s\\0" "$path"; fi; done'
    stdin = b"".join(path.encode("utf-8", "surrogateescape") + b"\0" for path in paths)
    result = await sandbox.exec(script, stdin=stdin, timeout=30)
    return [part.decode("utf-8", "surrogateescape") for part in result.output.split(b"\0") if part]


def _asked_for(test_id: str, targets: Sequence[str]) -> bool:
    return not targets or any(_within(test_id, target) or _within(target, test_id) for target in targets)


def _reported_within(run: TestRun, target: str) -> bool:
    return any(_within(test_id, target) for test_id in run.outcomes)


def _within(test_id: str, target: str) -> bool:
    """Whether a test is the target or lies in it: in its folder, file, class, or among its parameters."""
    target = target.removeprefix("./").rstrip("/")
    if target in {"", "."} or test_id == target:
        return True
    return test_id.startswith((f"{target}/", f"{target}::", f"{target}["))


def _without_parameters(test_id: str) -> str:
    """Cut the parameters off a node id, whose own `::` say nothing of where the test lies."""
    file, separator, rest = test_id.partition("::")
    return f"{file}{separator}{rest.partition('[')[0]}"
