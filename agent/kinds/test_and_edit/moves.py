"""Files that an edit deletes or renames, one a line: `delete PATH`, `rename OLD -> NEW`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.arguments import ArgumentsError

_DELETE = re.compile(r"^(?:delete|remove|rm)\s*:?\s+(?P<old>.+)$", re.I)
_RENAME = re.compile(
    r"^(?:(?:rename|move|mv)\s*:?\s+)?(?P<old>\S.*?)\s+(?:->|=>|→|to)\s+(?P<new>\S.*)$", re.I
)
_BULLET = re.compile(r"^\s*(?:[-*]\s+|\d+[.)]\s+)?")
_QUOTES = "`'\" \t"

SHAPE = "`delete PATH` or `rename OLD -> NEW`"


class MovesError(ArgumentsError):
    """A line names no file to delete or rename; the message holds it."""


@dataclass(frozen=True, slots=True)
class Move:
    """A file that gets another path, or none where it is deleted."""

    old: str
    new: str | None = None


def read_moves(text: str) -> tuple[Move, ...]:
    """Return the deletions and renamings of a text, in order.

    Raises:
        MovesError: a line is neither.
    """
    return tuple(_read(line) for line in text.splitlines() if line.strip())


def _read(line: str) -> Move:
    bare = _BULLET.sub("", line, count=1).strip().strip("`").strip()
    if deleted := _DELETE.match(bare):
        return Move(deleted["old"].strip(_QUOTES))
    if renamed := _RENAME.match(bare):
        return Move(renamed["old"].strip(_QUOTES), renamed["new"].strip(_QUOTES))
    raise MovesError(f"`files` has the line {line.strip()[:200]!r}; a line is {SHAPE}.")
