"""What a patch changes, read from its text alone, and how alike two patches are."""

from __future__ import annotations

import keyword
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from envs.patches import split
from selection.hunks import HUNK

TOKEN = re.compile(r"[^\W\d]\w*|\d+|[^\s\w]")
NAME = re.compile(r"[^\W\d]\w*")
DEFINITION = re.compile(r"^\s*(?:async\s+)?(?:def|class|func|fn|function)\s+(\w+)")
KEYWORDS = frozenset(keyword.kwlist) | {"self"}
COMMENT = ("#", "//", "/*", "* ")
NEARBY = 3
"""Lines of the base between two changes that still are at one place."""


@dataclass(frozen=True, slots=True)
class Change:
    """A patch taken apart; comments and blank lines are no code.

    `places` are paths and lines of the base, `functions` paths and the names of what encloses the change.
    `tokens` count what the code lines add and remove, each with its sign; `names` are their identifiers.
    """

    files: frozenset[str]
    places: frozenset[tuple[str, int]]
    functions: frozenset[tuple[str, str]]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    comments: int
    tokens: Mapping[str, int]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two patches are, each from 0 to 1.

    `tokens` and `places` are symmetric; `covered` is the share of the other's tokens that the one has too.
    """

    tokens: float
    places: float
    covered: float


@lru_cache(maxsize=4096)
def read_change(patch: str) -> Change:
    """Return what a git diff changes."""
    files, places, functions = set(), set(), set()
    added: list[str] = []
    removed: list[str] = []
    comments = 0
    for part in split(patch if patch.endswith("\n") else f"{patch}\n"):
        files.add(part.path)
        for line, function, sign, text in _changed(part.text):
            if not text:
                continue
            places.add((part.path, line))
            functions.add((part.path, function))
            if text.startswith(COMMENT):
                comments += sign == "+"
            else:
                (added if sign == "+" else removed).append(text)
    tokens = Counter(f"+{token}" for text in added for token in TOKEN.findall(text))
    tokens.update(f"-{token}" for text in removed for token in TOKEN.findall(text))
    return Change(
        files=frozenset(files),
        places=frozenset(places),
        functions=frozenset(functions),
        added=tuple(added),
        removed=tuple(removed),
        comments=comments,
        tokens=tokens,
        names=frozenset(NAME.findall("\n".join((*added, *removed)))) - KEYWORDS,
    )


@lru_cache(maxsize=1 << 16)
def likeness(one: str, other: str) -> Likeness:
    """Return how alike two patches are."""
    mine, its = read_change(one), read_change(other)
    both = sum(min(count, its.tokens.get(token, 0)) for token, count in mine.tokens.items())
    size, other_size = sum(mine.tokens.values()), sum(its.tokens.values())
    either = size + other_size - both
    return Likeness(
        tokens=both / either if either else 1.0,
        places=(_near(mine, its) + _near(its, mine)) / 2,
        covered=both / other_size if other_size else 1.0,
    )


def _near(one: Change, other: Change) -> float:
    """Return the share of the one's places that are near a place of the other."""
    if not one.places:
        return 0.0
    reach = {(path, line + step) for path, line in other.places for step in range(-NEARBY, NEARBY + 1)}
    return len(one.places & reach) / len(one.places)


def size_of(change: Change) -> float:
    """Return the logarithm of how many code lines change."""
    return math.log1p(len(change.added) + len(change.removed))


def _changed(section: str) -> Iterator[tuple[int, str, str, str]]:
    """Yield each changed line: its line in the base, the function around it, its sign, its stripped text."""
    line = old = new = 0
    function = ""
    for row in section.split("\n"):
        start = HUNK.match(row)
        if start and not (old or new):
            line, old, new = int(start[1]), int(start[2] or 1), int(start[3] or 1)
            function = _defined(row.split("@@", 2)[-1]) or ""
        elif (old or new) and not row.startswith("\\"):
            sign, text = row[:1] or " ", row[1:]
            function = _defined(text) or function
            if sign != " ":
                yield line, function, sign, text.strip()
            old, new, line = old - (sign != "+"), new - (sign != "-"), line + (sign != "+")


def _defined(text: str) -> str:
    found = DEFINITION.match(text)
    return found[1] if found else ""
