"""Reading what tests printed by a program that a data set or a user brings.

The program is other people's code, and its input is what a candidate made tests print. So it runs in a
sandbox of its own, neither on the host nor where the candidate's code has run, and what it says is data to be
checked.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.base import Limits, Root, Sandbox, SandboxFileError, SandboxHost

PREFIX = "script:"
"""Before the path of a program, where a row names its parser."""
_SECONDS = 300.0
_FOLDER = "/tmp"  # noqa: S108 (inside the sandbox, where /tmp is private)
_PARSER, _STDOUT, _STDERR = f"{_FOLDER}/parser.py", f"{_FOLDER}/stdout.log", f"{_FOLDER}/stderr.log"
_RESULT = f"{_FOLDER}/output.json"
_RUN = shlex.join(["rm", "-f", _RESULT]) + (
    '; interpreter=$(command -v python || command -v python3) || { echo "there is no Python in the image"; '
    'exit 127; }; exec "$interpreter" ' + shlex.join([_PARSER, _STDOUT, _STDERR, _RESULT])
)


@dataclass(frozen=True, slots=True)
class Reading:
    """Results by test; empty where the program gave none, and `problem` then says why."""

    statuses: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ScriptReader:
    """Runs such programs, each time in a fresh sandbox at `root`, whose Python it needs."""

    host: SandboxHost
    root: Root
    limits: Limits

    async def read(self, script: str, outputs: Sequence[tuple[str, str]]) -> list[Reading]:
        """Return what a program reads in each of several outputs, stdout and stderr apart.

        It is called as `python PARSER STDOUT STDERR RESULT`, with the names of three files, and writes to
        the last `{"tests": [{"name": ..., "status": "PASSED"}, ...]}`.

        Raises:
            SandboxError: the sandbox failed.
        """
        room = await self.host.start(self.root, self.limits)
        try:
            await room.write(_PARSER, script.encode())
            return [await _read(room, stdout, stderr) for stdout, stderr in outputs]
        finally:
            await asyncio.shield(room.close())


async def _read(room: Sandbox, stdout: str, stderr: str) -> Reading:
    await room.write(_STDOUT, stdout.encode("utf-8", "replace"))
    await room.write(_STDERR, stderr.encode("utf-8", "replace"))
    done = await room.exec(["/bin/sh", "-c", _RUN], timeout=_SECONDS)
    if not done.ok:
        last = (done.text.strip().splitlines() or [done.status.value])[-1]
        return Reading(problem=f"the parser failed: {last[:300]}")
    try:
        return _checked(json.loads(await room.read(_RESULT)))
    except SandboxFileError:
        return Reading(problem="the parser wrote no result")
    except (ValueError, RecursionError) as error:
        return Reading(problem=f"the parser's result is no JSON: {error}"[:300])


def _checked(data: Any) -> Reading:
    """Return results by test; of one that is listed more than once a pass counts, as in SWE-bench Pro."""
    listed = data.get("tests") if isinstance(data, dict) else None
    if not isinstance(listed, list):
        return Reading(problem="the parser's result has no list `tests`")
    statuses: dict[str, str] = {}
    for one in listed:
        name, status = (one.get("name"), one.get("status")) if isinstance(one, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(status, str):
            return Reading(problem="the parser's result lists a test without name or status")
        if statuses.get(name) != "PASSED":
            statuses[name] = status.upper()
    return Reading(statuses)
