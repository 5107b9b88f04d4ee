"""One run of an instance's official tests by its script, and the log that the harness would have seen."""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from envs.canary import Canary, canary_for
from envs.task import Grading
from sandbox.base import Sandbox, SandboxFileError, Status

START, END, EXIT = ">>>>> Start Test Output", ">>>>> End Test Output", ">>>>> Test Exit Code"
_MARKER = re.compile(r">{5,}")
_LOG = 64 << 20
_FAILED = 1
_STARTS = ("#!/bin/bash", "set -uxo pipefail")


@dataclass(frozen=True, slots=True)
class OfficialLog:
    """What one run printed.

    `output` is the test command's own, `log` the whole as the harness keeps it, both without the canary;
    `output_with_canary` has it. `exit_code` is the test command's; None where it never ended.
    """

    log: str
    output: str
    output_with_canary: str
    status: Status
    exit_code: int | None
    seconds: float
    command: str
    canary: Canary | None


async def run_official(
    room: Sandbox,
    grading: Grading,
    *,
    timeout: float,  # noqa: ASYNC109 (ends the processes inside)
    stderr: str = "",
    assets: Iterable[tuple[str, str]] = (),
) -> OfficialLog:
    """Run the official tests in a sandbox where the patch and, without a script, the tests are in place.

    The markers between which the harness reads results are set by this side: what a patch prints in their
    likeness is taken apart.

    Args:
        room: the sandbox.
        grading: with the command or the script.
        timeout: seconds.
        stderr: a file in the sandbox that gets what the test command writes to stderr; empty where that is
            part of the output.
        assets: paths in the repository and files of the sandbox that are copied there before the tests.

    Raises:
        SandboxError: the sandbox failed.
    """
    before, command = _parts(grading)
    canary = canary_for(command, grading.test_files, before)
    if canary is not None:
        try:
            await room.write(canary.path, canary.content.encode())
        except SandboxFileError:
            canary = None
    nonce = secrets.token_hex(16)
    lines = [
        *(_STARTS if grading.eval_script else _STARTS[:1]),
        'rm -f -- "$0"',
        before,
        *(f"mkdir -p -- {_folder(path)} && cp -- {staged} {shlex.quote(path)}" for path, staged in assets),
        f"echo {nonce}-start",
        _apart(canary.command if canary else command, stderr),
        "mangabey_code=$?",
        f"{{ set +x; }} 2>/dev/null; echo; echo {nonce}-end $mangabey_code; exit $mangabey_code",
    ]
    script = f"/tmp/{secrets.token_hex(16)}.sh"  # noqa: S108 (inside the sandbox)
    await room.write(script, "\n".join(lines).encode("utf-8", "surrogateescape") + b"\n")
    done = await room.exec(["/bin/bash", script], timeout=timeout, output=_LOG)
    raw = done.output.decode("utf-8", "replace") if not done.omitted else done.text
    setup, printed, code = _cut(raw, nonce)
    code = code if code == done.exit_code else None  # a patch can read this script, and end the shell of it
    output = _without(printed, canary)
    return OfficialLog(
        output_with_canary=_without(printed, None),
        log=_as_harness(_without(setup, None), output, code, done.status),
        output=output,
        status=done.status,
        exit_code=code,
        seconds=done.seconds,
        command=command,
        canary=canary,
    )


def as_if_alone(log: OfficialLog, failures: bool) -> OfficialLog:
    """Return a log whose exit code is that of a run without the canary, whose failure is the only one in it.

    Args:
        log: of a run with a canary that failed as it must.
        failures: whether other tests failed.
    """
    if log.canary is None or failures or log.exit_code != _FAILED:
        return log
    setup = log.log.partition(START)[0]
    return replace(log, log=_as_harness(setup, log.output, 0, log.status), exit_code=0)


def _parts(grading: Grading) -> tuple[str, str]:
    """Return what is to run before the test command, and the command."""
    if not grading.eval_script:
        head, _, last = grading.test_command.rstrip().rpartition("\n")
        return head, last
    lines = [line for line in grading.eval_script.strip().split("\n") if line not in _STARTS]
    starts = [at for at, line in enumerate(lines) if START in line]
    ends = [at for at, line in enumerate(lines) if END in line]
    if not starts or not ends or ends[0] <= starts[0]:
        return "", "\n".join(lines)
    return "\n".join(lines[: starts[0]]), "\n".join(lines[starts[0] + 1 : ends[0]])


def _folder(path: str) -> str:
    return shlex.quote(str(PurePosixPath(path).parent))


def _apart(command: str, stderr: str) -> str:
    return f"{{ {command}\n}} 2> {shlex.quote(stderr)}" if stderr else command


def _cut(raw: str, nonce: str) -> tuple[str, str, int | None]:
    """Return what was printed before the tests, what they printed, and their exit code, which comes last."""
    start = re.search(rf"^{nonce}-start\n", raw, re.MULTILINE)
    if start is None:
        return raw, "", None
    ends = list(re.compile(rf"^{nonce}-end (\d+)$", re.MULTILINE).finditer(raw, start.end()))
    end = ends[-1] if ends else None
    output = raw[start.end() : end.start() if end else None]
    return raw[: start.start()], output, int(end[1]) if end else None


def _without(text: str, canary: Canary | None) -> str:
    """Return a text without lines that name the canary, and with markers of the harness made harmless."""
    lines = text.split("\n")
    if canary is not None:
        lines = [line for line in lines if canary.token not in line]
    return _MARKER.sub(lambda marker: " ".join(marker[0]), "\n".join(lines))


def _as_harness(setup: str, output: str, code: int | None, status: Status) -> str:
    parts = [setup, START, output]
    if code is not None:
        parts += [END, f"{EXIT}: {code}"]
    elif status is Status.TIMED_OUT:
        parts += ["", "Timeout error"]
    return "\n".join(parts) + "\n"
