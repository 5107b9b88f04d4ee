"""Exact replacement of whole lines in a text, and what to say where the lines are not there."""

from __future__ import annotations

from collections.abc import Sequence

from agent.nearest import explain_missing
from agent.tool_error import ToolError
from agent.view_tool import split_lines

SEARCH = "SEARCH"
PLACES = 20
"""Places that are named where the lines occur more than once."""


def replace_lines(text: str, old: Sequence[str], new: Sequence[str], path: str) -> str:
    """Return a text with the only place at which the lines `old` stand replaced by `new`.

    Line ends are not compared; the new lines end as the first of those that they replace, and where the last
    line of the file had no end, it has none afterwards.

    Raises:
        ToolError: both are the same, or `old` does not stand there exactly once; says where to look.
    """
    if tuple(old) == tuple(new):
        raise ToolError("SEARCH and REPLACE are the same: nothing to do.")
    lines = _kept(text)
    bare = split_lines(text)
    places = _places(bare, old)
    if not places:
        raise ToolError(explain_missing(text, "\n".join(old) + "\n", path, name=SEARCH))
    if len(places) > 1:
        named = ", ".join(str(place + 1) for place in places[:PLACES]) + (", ..." if places[PLACES:] else "")
        raise ToolError(
            f"SEARCH occurs {len(places)} times in {path}, at lines {named}: include more of the lines "
            "around the one you mean."
        )
    start, end = places[0], places[0] + len(old)
    line_end = (
        "\r\n" if lines[start].endswith("\r\n") else "\n" if lines[start].endswith("\n") else _end(text)
    )
    put = [line + line_end for line in new]
    if end == len(lines) and not lines[-1].endswith("\n"):
        if put:
            put[-1] = put[-1].removesuffix(line_end)
        elif start:
            lines[start - 1] = lines[start - 1].removesuffix("\n").removesuffix("\r")
    return "".join([*lines[:start], *put, *lines[end:]])


def _places(lines: Sequence[str], wanted: Sequence[str]) -> list[int]:
    first, count = wanted[0], len(wanted)
    return [
        at
        for at in range(len(lines) - count + 1)
        if lines[at] == first and all(lines[at + step] == wanted[step] for step in range(1, count))
    ]


def _kept(text: str) -> list[str]:
    """Return the lines with their ends; only line feeds end one."""
    parts = text.split("\n")
    last = parts.pop()
    return [f"{part}\n" for part in parts] + ([last] if last else [])


def _end(text: str) -> str:
    return "\r\n" if text.count("\r\n") * 2 > text.count("\n") else "\n"
