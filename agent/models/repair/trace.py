"""Read what the tracer in the sandbox printed: executed functions and lines, frames, the failure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_FUNCTION = re.compile(r"^function (.+):(\d+) (\S+) calls=(\d+) last=(\d+)$")
_LINES = re.compile(r"^lines (.+?) ((?:\d+(?:-\d+)? ?)+)$")
_FRAME = re.compile(r"^frame (.+):(\d+) (\S+)$")
_FAILURE = re.compile(r"^failure (.*)$")


@dataclass(frozen=True, slots=True)
class Called:
    """One function the failing test ran; `recency` 0 is the one that ran last."""

    path: str
    line: int
    name: str
    calls: int
    recency: int


@dataclass(frozen=True, slots=True)
class Trace:
    """What a failing test executes in the repository, and how it ends.

    `frames` are (path, line, function) wherever an exception passed, in order.
    """

    functions: tuple[Called, ...] = ()
    lines: Mapping[str, frozenset[int]] = field(default_factory=dict)
    frames: tuple[tuple[str, int, str], ...] = ()
    failure: str = ""


def read_trace(text: str) -> Trace:
    """Read the tracer's output; lines that are none of its own are passed over."""
    functions: list[Called] = []
    lines: dict[str, frozenset[int]] = {}
    frames: list[tuple[str, int, str]] = []
    failure = ""
    for line in text.splitlines():
        if match := _FUNCTION.match(line):
            path, number, name, calls, _ = match.groups()
            functions.append(Called(path, int(number), name, int(calls), len(functions)))
        elif match := _LINES.match(line):
            lines[match[1]] = frozenset(read_ranges(match[2]))
        elif match := _FRAME.match(line):
            frames.append((match[1], int(match[2]), match[3]))
        elif match := _FAILURE.match(line):
            failure = match[1]
    return Trace(tuple(functions), lines, tuple(frames), failure)


def read_ranges(text: str) -> list[int]:
    """Read `1-3 7` as 1 2 3 7."""
    found: list[int] = []
    for part in text.split():
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found
