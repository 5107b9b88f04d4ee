"""Origins that tell the candidates of different places apart: equal patches are samples of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selection.pool import RawCandidate


def told_apart(found: Iterable[tuple[Path, RawCandidate]]) -> tuple[RawCandidate, ...]:
    """Return candidates in their order; those called alike in different places are called by folders too.

    An id is derived from origin and diff, so that two samples of one patch that are called alike would be
    one candidate. What is named twice stays one.

    Args:
        found: each with the file, or the folder of the journal, that it lies in.
    """
    placed = [(path.resolve(), one) for path, one in found]
    places: dict[tuple[str, str], set[Path]] = {}
    for path, one in placed:
        places.setdefault((one.instance_id, one.origin), set()).add(path)
    return tuple(_called(one, path, places[one.instance_id, one.origin]) for path, one in placed)


def _called(one: RawCandidate, path: Path, places: set[Path]) -> RawCandidate:
    if len(places) == 1:
        return one
    return replace(one, origin=f"{one.origin} in {_shortest(path.parent.parts, places)}")


def _shortest(folders: Sequence[str], places: set[Path]) -> str:
    """Return as many of the last folders as tell these from those of the other places."""
    for number in range(1, len(folders)):
        tail = folders[-number:]
        if sum(place.parent.parts[-number:] == tail for place in places) == 1:
            return "/".join(tail)
    return str(Path(*folders))
