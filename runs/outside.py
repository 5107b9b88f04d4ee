"""Patches that no trajectory of a run made, as its journal keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from runs.journal import Journal
from selection.pool import RawCandidate
from selection.verifiers.digest import Step

KIND = "outside"


def recorded_outside(journal: Journal) -> list[RawCandidate] | None:
    """Return the patches from elsewhere that a journal holds, None where none were looked for yet."""
    recorded = journal.last(KIND)
    if recorded is None:
        return None
    return [
        RawCandidate(**{**one, "steps": tuple(Step(**step) for step in one.get("steps", ()))})
        for one in recorded["patches"]
    ]


async def record_outside(found: Sequence[RawCandidate], journal: Journal) -> None:
    """Record patches from elsewhere with what their authors did, so that a resumed run needs no file."""
    await journal.append(KIND, {"patches": [asdict(one) for one in found]})
