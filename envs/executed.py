"""Which functions of a repository run: one traced run of small programs, or of tests.

A program or a test that deceives the guest deceives about what runs only; of what is told twice nothing is
believed.
"""

from __future__ import annotations

import json
import posixpath
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from envs.testrun import quote_targets
from sandbox.base import Sandbox

Ran = Mapping[str, tuple[int, ...]]
"""First lines of the functions that ran, by path."""
_OUTPUT = 16 << 20
_START = 30.0
"""Seconds that an interpreter, or pytest, may take to begin, beside what it runs."""
_ALONE = "exec 9>&1 >/dev/null 2>&1\n"


class _Line(BaseModel):
    """What is told of one run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    run: str
    ran: dict[str, tuple[int, ...]]


async def run_by_programs(
    sandbox: Sandbox, programs: Sequence[str], *, seconds: float, total: float
) -> Mapping[int, Ran]:
    """Return what each Python program runs, by its number, so far as its time goes.

    What the modules that it imports run as they are imported is not in it. The sandbox is left with traces.

    Args:
        sandbox: where to run; its working folder is the repository's.
        programs: the source of each.
        seconds: of each.
        total: seconds after which none is begun.

    Raises:
        SandboxError: the sandbox failed.
    """
    guest = _guest(programs=list(programs), seconds=seconds, total=total)
    limit = total + seconds + _START
    command = f"{_ALONE}PYTHONHASHSEED=0 exec python -"
    done = await sandbox.exec(command, stdin=guest, timeout=limit, output=_OUTPUT)
    told = _told(done.output)
    return {number: told[str(number)] for number in range(len(programs)) if str(number) in told}


async def run_by_tests(
    sandbox: Sandbox,
    runner: str,
    files: Sequence[tuple[str, str]],
    tests: Collection[str],
    *,
    timeout: float,  # noqa: ASYNC109 (ends the processes inside)
) -> Mapping[str, Ran]:
    """Return what each test runs as it is set up and called, by node id; all run in one pytest.

    A test that did not come to its turn is not in it. The sandbox is left with traces.

    Args:
        sandbox: where to run; its working folder is the repository's.
        runner: see `envs.testrun.run_tests`.
        files: path and content of each test file, of different paths.
        tests: node ids of the tests that are run.
        timeout: seconds for all of them.

    Raises:
        SandboxFileError: a file cannot be put in place.
        SandboxError: the sandbox failed.
    """
    folder = posixpath.join(posixpath.dirname(files[0][0]), f"executed_{secrets.token_hex(8)}")
    await sandbox.write(f"{folder}/conftest.py", _guest(tests=sorted(tests)))
    for path, content in files:
        await sandbox.write(path, content.encode("utf-8", "surrogateescape"))
    rootdir = "" if "--rootdir" in runner else " --rootdir=."
    targets = quote_targets([*(path for path, _ in files), folder])
    command = f"{_ALONE}{runner}{rootdir} --continue-on-collection-errors {targets}"
    told = _told((await sandbox.exec(command, timeout=timeout + _START, output=_OUTPUT)).output)
    return {test: told[test] for test in tests if test in told}


def _guest(**order: Any) -> bytes:
    text = (resources.files("envs") / "guest" / "executed.py").read_text(encoding="utf-8")
    return text.replace("\nORDER = None\n", f"\nORDER = json.loads({json.dumps(order)!r})\n").encode()


def _told(output: bytes) -> Mapping[str, Ran]:
    found: dict[str, list[Ran]] = {}
    for line in _lines(output):
        found.setdefault(line.run, []).append(line.ran)
    return {run: told[0] for run, told in found.items() if len(told) == 1}


def _lines(output: bytes) -> Iterator[_Line]:
    for text in output.split(b"\n"):
        try:
            yield _Line.model_validate_json(text)
        except ValidationError:
            continue
