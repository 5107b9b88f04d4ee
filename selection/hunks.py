"""What one file's section of a git diff says: added lines, a new file's content, the sections it touches."""

from __future__ import annotations

import re
from collections.abc import Iterator

HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")
HEADER = re.compile(r"^\s*(\[.*\])\s*(?:[#;].*)?$")
NO_NEWLINE = "\\"


def is_binary(section: str) -> bool:
    """Whether git tells the change as a binary one."""
    return (
        "\nGIT binary patch\n" in section
        or re.search(r"^Binary files .* differ$", section, re.MULTILINE) is not None
    )


def added_lines(section: str) -> list[str]:
    """Return the lines a section adds, without their signs."""
    return [line for _, sign, line in changes(section) if sign == "+"]


def changed_lines(section: str) -> int:
    """Return how many lines a section adds and removes; a binary change is one."""
    return 1 if is_binary(section) else sum(sign in "+-" for _, sign, _ in changes(section))


def new_content(section: str) -> str:
    """Return the content of a text file that a section creates."""
    lines: list[str] = []
    ended = True
    for _, sign, line in changes(section):
        if sign == "+":
            lines.append(line)
        elif sign == NO_NEWLINE and lines:
            ended = False
    text = "\n".join(lines)
    return f"{text}\n" if lines and ended else text


def new_text(section: str, before: str) -> str | None:
    """Return a text file's content with a section applied, None where it does not fit line for line."""
    old, new, at = before.split("\n"), list[str](), 0
    if is_binary(section):
        return None
    for number, sign, line in changes(section):
        if sign == NO_NEWLINE:
            continue
        if number - 1 < at or number - 1 > len(old):
            return None
        new += old[at : number - 1]
        at = number - 1
        if sign == "+":
            new.append(line)
            continue
        if at >= len(old) or old[at] != line:
            return None
        at += 1
        new += [line] if sign != "-" else []
    return "\n".join([*new, *old[at:]])


def touched_sections(section: str, before: str) -> set[str]:
    """Return the `[headers]` of an INI or TOML file whose lines a section adds or removes.

    A header that is itself added or removed counts; lines above the first one, or whose header cannot be
    known, count as the empty header.

    Args:
        section: the file's section of the diff.
        before: the file as it is on the base.
    """
    headers = ["", *_headers(before)]
    found: set[str] = set()
    current, last = "", -1
    for number, sign, line in changes(section):
        if sign == "+":
            header = HEADER.match(line)
            if header:
                current = header[1]
            elif number > last + 1:
                current = headers[number - 1] if number <= len(headers) else ""
        elif sign != NO_NEWLINE:
            current = headers[number] if number < len(headers) else ""
        last = number
        if sign in "+-" and line.strip():
            found.add(current)
    return found


def _headers(text: str) -> list[str]:
    """Return the header that each line lies under, its own for a header."""
    found: list[str] = []
    current = ""
    for line in text.split("\n"):
        header = HEADER.match(line)
        current = header[1] if header else current
        found.append(current)
    return found


def changes(section: str) -> Iterator[tuple[int, str, str]]:
    """Yield each line of the hunks: its number in the old file (for additions the next one's), sign, text."""
    number = old = new = 0
    for line in section.split("\n"):
        start = HUNK.match(line)
        if start and not (old or new):
            number = int(start[1]) + (start[2] == "0")
            old, new = int(start[2] or 1), int(start[3] or 1)
        elif line.startswith(NO_NEWLINE):
            yield number, NO_NEWLINE, line
        elif old or new:
            sign, text = line[:1] or " ", line[1:]
            yield number, sign, text
            if sign != "+":
                number, old = number + 1, old - 1
            if sign != "-":
                new -= 1
