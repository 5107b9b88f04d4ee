"""SEARCH/REPLACE blocks: the text form of exact replacements.

    src/shapes.py
    <<<<<<< SEARCH
        return width + height
    =======
        return width * height
    >>>>>>> REPLACE

A block belongs to the path on the line above it, or to the file of the block before where there is none. The
lines between the marks are raw. Where they hold a line that looks like a mark, the three marks of the block
are made longer, all by as much. What stands outside of blocks, fences included, is no part of a change.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.arguments import ArgumentsError

# a line is matched without the blanks around it: two runs of blanks in one pattern cost the square of a line
_OPEN = re.compile(r"(<{5,})(?:[ \t]*(?:SEARCH|search|Search))?")
_MIDDLE = re.compile(r"(={5,})")
_CLOSE = re.compile(r"(>{5,})(?:[ \t]*(?:REPLACE|replace|Replace))?")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
_LABEL = re.compile(r"(?:file|path|filename)\s*:", re.I)
_QUOTES = re.compile(r"[`\"'*]")
LONGEST_PATH = 8192
"""Characters of a line that can name a path; a system that takes fewer refuses it itself, and says so."""

SHAPE = """\
path/of/file.py
<<<<<<< SEARCH
whole lines as they are now, indentation included
=======
whole lines to put there
>>>>>>> REPLACE"""


class BlocksError(ArgumentsError):
    """The text holds no readable blocks; the message says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Block:
    """One replacement: lines `old` of a file become lines `new`; no `old` creates the file."""

    path: str
    old: tuple[str, ...]
    new: tuple[str, ...]


def read_blocks(text: str) -> tuple[Block, ...]:
    """Return the blocks of a text, in order.

    Raises:
        BlocksError: there is none, one is not complete, or one has no path.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    above: list[str] = []
    at = 0
    while at < len(lines):
        opening = _mark(_OPEN, lines[at])
        if opening is None:
            if _mark(_CLOSE, lines[at]):
                raise BlocksError(_wrong(at, "ends a block that was not begun", len(blocks)))
            above.append(lines[at])
            at += 1
            continue
        old, new, end = _read_one(lines, at, len(opening[1]), len(blocks))
        path = _path_of(above) or (blocks[-1].path if blocks else "")
        if not path:
            raise BlocksError(_wrong(at, "begins a block without a path on the line above it", len(blocks)))
        blocks.append(Block(path, old, new))
        above, at = [], end
    if not blocks:
        raise BlocksError(f"`changes` holds no block. Expected\n{SHAPE}")
    return tuple(blocks)


def _read_one(
    lines: Sequence[str], start: int, width: int, before: int
) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Return both sides of the block that begins at a line, and the line behind it."""
    middles: list[int] = []
    for at in range(start + 1, len(lines)):
        middle, close, opening = (_wide(form, lines[at], width) for form in (_MIDDLE, _CLOSE, _OPEN))
        if opening:
            raise BlocksError(_wrong(at, "begins a block inside of another", before))
        if middle:
            middles.append(at)
        if close:
            if len(middles) != 1:
                raise BlocksError(_wrong(at, _middles(len(middles)), before))
            return tuple(lines[start + 1 : middles[0]]), tuple(lines[middles[0] + 1 : at]), at + 1
    missing = ">>>>>>> REPLACE" if middles else "======= and >>>>>>> REPLACE"
    raise BlocksError(_wrong(start, f"begins a block that is not closed: {missing} missing", before))


def _middles(count: int) -> str:
    if not count:
        return "ends a block without a line ======="
    return (
        f"ends a block with {count} lines =======; where the text itself holds such a line, give all three "
        "marks of the block more signs than it has"
    )


def _wide(form: re.Pattern[str], line: str, width: int) -> bool:
    found = _mark(form, line)
    return found is not None and len(found[1]) == width


def _mark(form: re.Pattern[str], line: str) -> re.Match[str] | None:
    return form.fullmatch(line.strip(" \t"))


def _path_of(above: Sequence[str]) -> str:
    """Return the path named by the last line that is neither empty nor a fence."""
    for line in reversed(above):
        if line.strip() and not _FENCE.match(line):
            return _path_in(line)
    return ""


def _path_in(line: str) -> str:
    """Return the path that a line names without the Markdown around it, empty where it names none."""
    path = line.strip().lstrip(" \t#*>`\"'-")
    label = _LABEL.match(path)
    path = (path[label.end() :] if label else path).strip(" \t`\"'*").rstrip(" \t`\"'*:")
    return "" if _QUOTES.search(path) or len(path) > LONGEST_PATH else path


def _wrong(at: int, what: str, before: int) -> str:
    read = f" The {before} before it could be read, but nothing was changed." if before else ""
    return f"Line {at + 1} of `changes` {what}.{read} Expected\n{SHAPE}"
