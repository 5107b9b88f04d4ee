"""An edit: what it replaces in which file, and how likely edits of its kind are."""

from __future__ import annotations

import ast
import textwrap
import warnings
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.models.repair.source import Source

Cut = tuple[int, int, str]
"""Characters `start` to `end` of the file give way to a text."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A small change of one file.

    `prior` says how likely an edit of this kind is right before anything is known of the place;
    `function` is the qualified name of the definition it changes, empty at module level; `line` is the
    first line changed; `score` is set by localisation, higher is better.
    """

    path: str
    cuts: tuple[Cut, ...]
    operator: str
    prior: float
    function: str = ""
    line: int = 0
    score: float = field(default=0.0, compare=False)

    def applied(self, text: str) -> str:
        """Return the file's text with the edit made."""
        for start, end, new in sorted(self.cuts, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def size(self, text: str) -> int:
        """Return how many characters it takes away and adds, those that stay in place not counted."""
        total = 0
        for start, end, new in self.cuts:
            old = text[start:end]
            while old and new and old[0] == new[0]:
                old, new = old[1:], new[1:]
            while old and new and old[-1] == new[-1]:
                old, new = old[:-1], new[:-1]
            total += len(old) + len(new)
        return total

    def scored(self, score: float) -> Edit:
        """Return the same edit with another score."""
        return replace(self, score=score)


def together(one: Edit, other: Edit) -> Edit | None:
    """Return both edits as one, None where they touch the same characters or different files."""
    if one.path != other.path:
        return None
    cuts = tuple(sorted((*one.cuts, *other.cuts)))
    for left, right in pairwise(cuts):
        if left[1] > right[0] or left[:2] == right[:2]:
            return None
    return Edit(
        one.path,
        cuts,
        f"{one.operator} + {other.operator}",
        one.prior * other.prior,
        one.function,
        min(one.line, other.line),
        one.score + other.score,
    )


def distinct(edits: Iterable[Edit], source: Source, seen: set[str]) -> Iterator[Edit]:
    """Yield, in order, edits that parse, change the program, and make none of the programs `seen`."""
    for edit in edits:
        meaning = _meaning(edit, source)
        if meaning is not None and meaning not in seen:
            seen.add(meaning)
            yield edit


def _meaning(edit: Edit, source: Source) -> str | None:
    """Return the changed statement as it parses, None where it does not or nothing changes."""
    start, end, inside = source.around(min(cut[0] for cut in edit.cuts), max(cut[1] for cut in edit.cuts))
    old = source.text[start:end]
    new = Edit(edit.path, tuple((a - start, b - start, text) for a, b, text in edit.cuts), "", 0).applied(old)
    try:
        parsed = _parsed(new, inside)
        if parsed == _parsed(old, inside):
            return None
    except (SyntaxError, ValueError, RecursionError):
        return None
    return f"{source.path} {start} {parsed}"


def _parsed(text: str, head: bool) -> str:
    """Parse statements at any depth of indentation, or the head of a compound one, and return their dump."""
    body = textwrap.dedent(text)
    if head:
        body = body.rstrip() + " pass\n"
        if body.startswith("el"):
            body = f"if x: pass\n{body}"
        elif body.startswith(("except", "finally")):
            body = f"try: pass\n{body}"
    elif body[:1].isspace():
        body = f"if 1:\n{text}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.dump(ast.parse(body))
