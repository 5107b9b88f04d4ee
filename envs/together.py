"""Several test files, each run by itself, in one start of pytest: most of a small test's time is that start.

pytest starts once and forks for each file, which is put in place before and taken away after. A file sees
nothing of those before it: what they leave is removed, and where that cannot be done, or a process is
left, no further file is run. A patch that deceives this program deceives about its own tests only, as it
could anyhow.
"""

from __future__ import annotations

import base64
import json
import posixpath
import secrets
import zlib
from collections.abc import Mapping, Sequence
from importlib import resources

from pydantic import BaseModel, ConfigDict, ValidationError

from envs.junit import JUnitError, Report, parse_junit
from envs.outcomes import TestRun
from envs.testrun import OPTIONS, answered, believed, quote_targets
from sandbox.base import ExecResult, Sandbox, Status

_MOST = 1 << 20
_OUTPUT = 16 << 20
_START = 30.0
"""Seconds that pytest may take to begin and end, beside its files."""
_LARGEST_REPORT = 48 << 20


_ENDS = frozenset({0, 1, 2, 5})
"""Exit codes of a pytest that came to its end: all passed, some failed, not all collected, none found."""


class _Line(BaseModel):
    """What is told of one file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    code: int
    late: bool
    seconds: float
    report: str | None


async def run_each(
    sandbox: Sandbox,
    runner: str,
    files: Sequence[tuple[str, str]],
    *,
    timeout: float,  # noqa: ASYNC109 (ends the processes inside)
) -> Mapping[str, TestRun]:
    """Run test files of one folder, each by itself, and return those that ran, by path.

    What is returned is what `run_tests` would have returned for the file alone. Files that crashed, left
    traces that could not be removed or came behind such a one are not in it; where the runner does not
    end in a pytest command line, none is. The sandbox is left with traces and wants to be restored.

    Args:
        sandbox: where to run; its working folder is the repository's.
        runner: see `run_tests`.
        files: path and content of each, paths and folder in common as the repository has them.
        timeout: seconds for each file.

    Raises:
        SandboxFileError: the first file cannot be put in place.
        SandboxError: the sandbox failed; no statement about the tests.
    """
    first, content = files[0]
    folder = posixpath.join(posixpath.dirname(first), f"each_{secrets.token_hex(8)}")
    await sandbox.write(first, _bytes(content))
    await sandbox.write(f"{folder}/conftest.py", _program(files, timeout))
    command = _command(runner, [first, folder])
    result = await sandbox.exec(command, timeout=_START + timeout * len(files), output=_OUTPUT)
    if not result.ok or result.omitted:
        return {}
    runs = {}
    for line in told_lines(result.output, len(files)):
        path = files[line.number][0]
        if line.late or line.code in _ENDS:
            runs[path] = _run(line, path, runner)
    return runs


def _command(runner: str, targets: Sequence[str]) -> str:
    """Return the runner's command; the program lies beside the tests, where their configuration is found."""
    rootdir = "" if "--rootdir" in runner else " --rootdir=."
    return (
        "exec 9>&1 >/dev/null 2>&1\n"
        f"{runner}{rootdir} {OPTIONS} --junitxml=/dev/null --continue-on-collection-errors"
        f" {quote_targets(targets)}"
    )


def _program(files: Sequence[tuple[str, str]], seconds: float) -> bytes:
    texts = [(path, base64.b64encode(_bytes(content)).decode()) for path, content in files]
    order = json.dumps({"files": texts, "seconds": seconds, "most": _MOST})
    text = (resources.files("envs") / "guest" / "each.py").read_text(encoding="utf-8")
    return text.replace("\nORDER = None\n", f"\nORDER = json.loads({order!r})\n").encode()


def told_lines(output: bytes, files: int) -> list[_Line]:
    """Return what was told, a line for each file at most: of what is told twice nothing is believed."""
    found: dict[int, list[_Line]] = {}
    for text in output.split(b"\n"):
        try:
            line = _Line.model_validate_json(text)
        except ValidationError:
            continue
        if 0 <= line.number < files:
            found.setdefault(line.number, []).append(line)
    return [lines[0] for lines in found.values() if len(lines) == 1]


def _run(line: _Line, path: str, runner: str) -> TestRun:
    status = Status.TIMED_OUT if line.late else Status.EXITED
    result = ExecResult(status, line.code, b"", seconds=line.seconds)
    outcomes, messages = believed(_report(line, path), result)
    run = TestRun(f"{runner} {path}", status, line.code, outcomes, messages, "", line.seconds)
    return answered(run, (path,))


def _report(line: _Line, path: str) -> Report | None:
    if line.report is None:
        return None
    try:
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(base64.b64decode(line.report, validate=True), _LARGEST_REPORT)
        return None if unpacking.unconsumed_tail else parse_junit(data, [path] * path.endswith(".py"))
    except (ValueError, zlib.error, JUnitError):
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
