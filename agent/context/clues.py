"""What an issue says about where to look: its words, the names it uses as code, frames and places."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.context.tracebacks import Frame, frames_of, places_of
from agent.context.words import compounds, words

NAMED = 3
"""How often a name counts that the issue uses as code, against a word of its prose."""
FRAME = 8
"""How often the names of a traceback's frame count."""
REPEATED = 12
"""A word repeated in a long listing says no more than one repeated so often."""
TITLE = 5
"""How often a word of the issue's first line counts on top, where whole files are compared."""
PLACES = 300
"""Frames and places in files that are looked at; a dump may hold thousands."""
DEPTH = 10
"""Parts of a dotted name that are looked at."""
LONGEST = 60_000
"""Characters of an issue that are read, from both its ends: what is longer holds a log or a dump."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_DOTTED = re.compile(r"(?<![A-Za-z_])[A-Za-z_]\w{0,200}(?:(?:\.|::|#)[A-Za-z_]\w{0,200})+")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`", re.DOTALL)
_CODELIKE = re.compile(r"\b(?:\w+\.\w[\w.]*|\w+_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*|\w+(?=\(\)))")


@dataclass(frozen=True, slots=True)
class Clues:
    """What an issue says.

    `query` holds its words, each as often as it counts, and `file_query` those and its identifiers of several
    words, with more weight on its first line; `names` are identifiers it uses as code and `dotted` those with
    dots, whose last parts are `endings`; `frames` are of its tracebacks; `places` are files it names, frames'
    too.
    """

    query: Counter[str]
    file_query: Counter[str]
    names: frozenset[str]
    dotted: frozenset[str]
    endings: frozenset[str]
    frames: tuple[Frame, ...]
    places: tuple[Frame, ...]


def read_clues(issue: str) -> Clues:
    """Read an issue's text."""
    issue = _bounded(issue)
    code = " ".join([*_CODE.findall(issue), *_CODELIKE.findall(issue)])
    frames = frames_of(issue)
    query = _query(issue, frames)
    dotted = frozenset(re.sub("::|#", ".", name) for name in _DOTTED.findall(code))
    return Clues(
        query=query,
        file_query=query + _bounded_counts(compounds(issue)) + Counter(_title(issue) * TITLE),
        names=frozenset(name for name in _IDENTIFIER.findall(code) if len(name) > 2),
        dotted=dotted,
        endings=frozenset(ending for name in dotted for ending in _endings(name)),
        frames=tuple(dict.fromkeys(frames))[:PLACES],
        places=tuple(places_of(issue)[:PLACES]),
    )


def _query(issue: str, frames: Sequence[Frame]) -> Counter[str]:
    code = " ".join([*_CODE.findall(issue), *_CODELIKE.findall(_CODE.sub(" ", issue))])
    framed = " ".join(f"{posixpath.basename(frame.path)} {frame.name}" for frame in frames)
    counted = Counter(words(issue)) + Counter(words(code) * NAMED) + Counter(words(framed) * FRAME)
    return _bounded_counts(counted)


def _endings(dotted: str) -> Iterator[str]:
    """Yield the last part of a dotted name, the last two, and so on."""
    parts = dotted.split(".")[-DEPTH:]
    return (".".join(parts[place:]) for place in range(len(parts)))


def _title(issue: str) -> list[str]:
    title = next((line for line in issue.splitlines() if line.strip()), "")
    return words(title) + compounds(title)


def _bounded_counts(counted: Iterable[str]) -> Counter[str]:
    return Counter({word: min(times, REPEATED) for word, times in Counter(counted).items()})


def _bounded(issue: str) -> str:
    half = LONGEST // 2
    return issue if len(issue) <= LONGEST else f"{issue[:half]}\n{issue[-half:]}"
