"""The `view` tool: a file's lines with their numbers, or what a folder holds."""

from __future__ import annotations

from agent.tool_error import ToolError, kind_of, read_file
from sandbox.base import Sandbox

LINES = 600
"""Lines shown in one call."""
CHARACTERS = 60_000
"""Characters shown in one call; the lines that do not fit are left for the next."""
LINE = 2_000
"""Characters shown of one line."""
ENTRIES = 300
"""Entries shown of a folder."""

_LIST = (
    "find -L . -mindepth 1 -maxdepth 2 '(' -name .git -o -name __pycache__ ')' -prune -o "
    "-type d -printf '%P/\\n' -o -printf '%P\\n' 2>/dev/null | LC_ALL=C sort"
)


async def view(sandbox: Sandbox, path: str, start: int, end: int) -> str:
    """Return a file's lines `start` to `end`, counted from 1, or a folder's entries.

    Raises:
        ToolError: there is nothing to show.
    """
    if await kind_of(sandbox, path) == "directory":
        return await _list_folder(sandbox, path)
    data = await read_file(sandbox, path)
    if b"\0" in data[:8192]:
        raise ToolError(f"{path} is a binary file of {len(data)} bytes.")
    return number_lines(data.decode("utf-8", "replace"), start, end)


def number_lines(text: str, start: int = 1, end: int = 0) -> str:
    r"""Return lines as `{number:>6}\\t{line}`, and which they are of how many when more follow.

    Raises:
        ToolError: the file is empty or has no such lines.
    """
    lines = split_lines(text)
    if not lines:
        raise ToolError("The file is empty.")
    last = min(end or len(lines), len(lines), start + LINES - 1)
    if start > len(lines):
        raise ToolError(f"The file has {len(lines)} lines; line {start} does not exist.")
    if last < start:
        raise ToolError(f"`end` ({end}) lies before `start` ({start}).")
    shown: list[str] = []
    room = CHARACTERS
    for number in range(start, last + 1):
        line = _numbered(number, lines[number - 1])
        room -= len(line)
        if room < 0 and shown:
            break
        shown.append(line)
    last = start + len(shown) - 1
    if last < len(lines):
        shown.append(f"[lines {start}-{last} of {len(lines)}]")
    return "\n".join(shown)


def split_lines(text: str) -> list[str]:
    """Return the lines as editors and git count them: only line feeds end one."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _numbered(number: int, line: str) -> str:
    text = line if len(line) <= LINE else f"{line[:LINE]} [... {len(line) - LINE} more characters]"
    return f"{number:>6}\t{text}"


async def _list_folder(sandbox: Sandbox, path: str) -> str:
    result = await sandbox.exec(_LIST, timeout=30, cwd=path)
    entries = result.text.splitlines()
    if not entries:
        return f"{path} is an empty folder."
    more = f"\n[{ENTRIES} of {len(entries)} entries]" if len(entries) > ENTRIES else ""
    return "\n".join(entries[:ENTRIES]) + more
