"""Names by which a person tells candidates from several files apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selection.pool import RawCandidate


def told_apart(found: Sequence[tuple[Path, RawCandidate]]) -> tuple[RawCandidate, ...]:
    """Return candidates whose origins differ, and can be shown, in their order.

    Of those of an issue that one origin would name, each gets before it the folders in which their files
    differ: two systems that make the same patch in files of the same name are two candidates. What is there
    twice, by file and origin, is one.

    Args:
        found: candidates with the files they are from.
    """
    once = {(path.resolve(), one.instance_id, one.origin): one for path, one in found}
    folders: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for path, instance_id, origin in once:
        folders.setdefault((instance_id, origin), []).append(path.parent.parts)
    return tuple(
        _called(one, _parting(path.parent.parts, folders[one.instance_id, one.origin]))
        for (path, _, _), one in once.items()
    )


def _called(one: RawCandidate, folders: Sequence[str]) -> RawCandidate:
    return replace(one, origin=_printable("/".join([*folders, one.origin])))


def _parting(folder: tuple[str, ...], folders: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the part of a folder in which some folders differ, without what all begin and end with."""
    begin = _shared(folders)
    end = _shared([one[begin:][::-1] for one in folders])
    return folder[begin : len(folder) - end]


def _shared(rows: Sequence[tuple[str, ...]]) -> int:
    """Return how many parts all rows begin with."""
    pairs = enumerate(zip(*rows, strict=False))
    return next((number for number, parts in pairs if len(set(parts)) > 1), min(map(len, rows)))


def _printable(text: str) -> str:
    """Return a text that every terminal and file takes: names come from files that nobody has checked."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)
