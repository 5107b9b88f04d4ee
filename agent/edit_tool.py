"""The `edit` tool: replace one passage of a file, or create a file."""

from __future__ import annotations

import re

from agent.nearest import explain_missing
from agent.tool_error import ToolError, inside, kind_of, read_file
from agent.view_tool import number_lines
from sandbox.base import Sandbox

_LINE_END = r"(?:\r\n|(?<!\r)\n)"

AROUND = 3
"""Lines shown before and after a passage that was replaced."""


async def create_file(sandbox: Sandbox, path: str, text: str) -> str:
    """Create a file; one that exists is refused.

    Raises:
        ToolError: it exists, or lies outside of the repository.
    """
    path = inside(sandbox, path)
    if kind := await kind_of(sandbox, path):
        raise ToolError(
            f"{path} exists already ({kind}): an empty `old` only creates new files; give the passage."
        )
    await sandbox.write(path, encode(with_final_newline(text)))
    return f"Created {path}."


async def replace_passage(sandbox: Sandbox, path: str, old: str, new: str) -> str:
    """Replace the one occurrence of `old` in a file and show its surroundings.

    Raises:
        ToolError: `old` is not there exactly once, or the file is no text.
    """
    path = inside(sandbox, path)
    text = decode(await read_file(sandbox, path), path)
    changed, at = replace_once(text, old, new, path)
    await sandbox.write(path, encode(changed))
    first = changed.count("\n", 0, at) + 1
    last = first + new.count("\n")
    shown = (
        number_lines(changed, max(1, first - AROUND), last + AROUND) if changed else "The file is now empty."
    )
    return f"Edited {path}.\n{shown}"


def replace_once(text: str, old: str, new: str, path: str) -> tuple[str, int]:
    """Return `text` with its only occurrence of `old` replaced, and the offset of that occurrence.

    A line end in `old` stands for either kind; the new lines end as those they replace.

    Raises:
        ToolError: `old` and `new` are the same, or `old` does not occur exactly once; says where to look.
    """
    old, new = old.replace("\r\n", "\n"), new.replace("\r\n", "\n")
    if old == new:
        raise ToolError("`old` and `new` are the same: nothing to do.")
    pattern = re.compile(_LINE_END.join(re.escape(line) for line in old.split("\n")))
    found = pattern.search(text)
    if found is None:
        raise ToolError(explain_missing(text, old, path))
    if pattern.search(text, found.start() + 1):
        raise ToolError(_ambiguous(text, pattern, path))
    line_end = _line_end(found.group()) or _line_end(text) or "\n"
    return text[: found.start()] + new.replace("\n", line_end) + text[found.end() :], found.start()


def decode(data: bytes, path: str) -> str:
    """Return a text file's content.

    Raises:
        ToolError: it is binary or not UTF-8.
    """
    if b"\0" in data:
        raise ToolError(f"{path} is a binary file; `edit` changes text only.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ToolError(
            f"{path} is not UTF-8 (line {line}, byte {data[error.start]:#04x}); "
            "change it with `bash`, in Python with its encoding."
        ) from None


def encode(text: str) -> bytes:
    """Return a file's bytes.

    Raises:
        ToolError: the text holds characters that UTF-8 cannot carry.
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ToolError(f"The text cannot be written as UTF-8: {error.reason}.") from None


def with_final_newline(text: str) -> str:
    """Return `text`, its last line ended."""
    return text if not text or text.endswith("\n") else text + "\n"


def _line_end(text: str) -> str:
    ends = text.count("\n")
    if not ends:
        return ""
    return "\r\n" if text.count("\r\n") * 2 > ends else "\n"


def _ambiguous(text: str, pattern: re.Pattern[str], path: str) -> str:
    lines: list[str] = []
    found = pattern.search(text)
    while found is not None and len(lines) < 20:
        lines.append(str(text.count("\n", 0, found.start()) + 1))
        found = pattern.search(text, found.start() + 1)
    times, more = (f"more than {len(lines)}", ", ...") if found else (str(len(lines)), "")
    return (
        f"`old` occurs {times} times in {path}, at lines {', '.join(lines)}{more}: "
        "include more of the lines around the one you mean."
    )
