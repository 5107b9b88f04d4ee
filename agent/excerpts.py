"""Parts of long texts: what a model is shown of them."""

from __future__ import annotations

import re

_TOLD_ELSEWHERE = (
    re.compile(r"^=+ short test summary info =+\n(?:.*\n)*?(?==+ .* in [\d.]+ ?s)", re.MULTILINE),
    re.compile(r"^-+ generated xml file: .* -+\n", re.MULTILINE),
    re.compile(r"^=+ PASSES =+\n(?==)", re.MULTILINE),
)
"""What pytest prints that says nothing to who has the outcomes: its own list, its report, no output."""


def cut_middle(text: str, limit: int) -> str:
    """Return `text` with its middle replaced by a mark where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    half = limit // 2
    mark = f"\n[... {len(text) - 2 * half} characters omitted ...]\n"
    return text[:half] + mark + text[-half:]


def last_lines(text: str, lines: int, characters: int = 3_000) -> str:
    """Return the last lines of a text, trailing blank ones left out, no more than `characters` of them."""
    last = "\n".join(text.rstrip().split("\n")[-lines:])
    return last if len(last) <= characters else f"[...]{last[-characters:]}"


def last_of_tests(output: str, lines: int) -> str:
    """Return the last lines of what pytest printed, without what is told elsewhere."""
    return last_lines(without_told(output), lines)


def without_told(output: str) -> str:
    """Return what pytest printed without its summary, and the line on a report that nobody finds."""
    for part in _TOLD_ELSEWHERE:
        output = part.sub("", output)
    return output


def first_line(text: str, characters: int = 120) -> str:
    """Return the first line that is not blank, cut where it is longer."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= characters else f"{line[:characters]}..."
