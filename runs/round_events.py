"""The rounds of an issue as its journal keeps them: who was drawn, and why."""

from __future__ import annotations

from collections.abc import Sequence

from agent.messages import Value
from runs.crews import Seat
from runs.journal import Journal

KIND = "round"


class Round(Value):
    """Trajectories that were drawn together; none where the drawing ended, and why in `reason`."""

    number: int
    samples: tuple[int, ...]
    reason: str = ""


def rounds_of(journal: Journal) -> tuple[Round, ...]:
    """Return the rounds of a journal in order."""
    return tuple(Round.model_validate(event.data) for event in journal.of(KIND))


async def begin_round(number: int, places: Sequence[Seat], reason: str, journal: Journal) -> Round:
    """Record a round before anybody of it begins, so that a resumed run draws the same."""
    found = Round(number=number, samples=tuple(seat.sample for seat in places), reason=reason)
    await journal.append(KIND, found.model_dump(mode="json"))
    return found


def round_of(journal: Journal, seat: Seat) -> int:
    """Return the round that a trajectory was drawn in."""
    return next((one.number for one in rounds_of(journal) if seat.sample in one.samples), seat.crew.round)
