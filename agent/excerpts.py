"""Parts of long texts: what a model is shown of them."""

from __future__ import annotations


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
    """Return the last lines of what pytest printed, without the one on the report that nobody finds."""
    kept = [line for line in output.split("\n") if "generated xml file: " not in line]
    return last_lines("\n".join(kept), lines)


def first_line(text: str, characters: int = 120) -> str:
    """Return the first line that is not blank, cut where it is longer."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= characters else f"{line[:characters]}..."
