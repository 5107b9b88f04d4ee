"""From a judged pool to the evidence that the rule of adaptive drawing asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from runs.crews import Seat
from runs.judging import Judged
from runs.rounds import Evidence, Left, Standing
from selection.votes import count_votes, guarding, speaking


def left_of(places: Iterable[Seat]) -> Left:
    """Return how many trajectories are left, of those that have not ended, by purpose."""
    counts = Counter(seat.purpose for seat in places)
    return Left(counts["candidates"], counts["tests"], counts["refinement"])


def evidence_of(judged: Judged, left: Left, exhausted: str = "") -> Evidence:
    """Return what is known of a pool: one standing for each behaviour that tests have shown."""
    return Evidence(
        standings=_standings(judged),
        left=left,
        shown=bool(speaking(judged.matrix)),
        probability=judged.selection.probability,
        exhausted=exhausted,
    )


def _standings(judged: Judged) -> tuple[Standing, ...]:
    matrix, votes = judged.matrix, count_votes(judged.clusters, judged.matrix)
    shown = [test.id for test in speaking(matrix)]
    telling = [*shown, *(test.id for test in guarding(matrix))]
    alike: dict[tuple[bool, ...], list[str]] = {}
    for row in votes:
        alike.setdefault(tuple(matrix.passes(test, row) for test in telling), []).append(row)
    unmet = sum(not any(matrix.passes(test, row) for row in votes) for test in shown)
    return tuple(
        Standing(
            samples=sum(len(judged.clusters.members[row]) for row in rows),
            programs=len(rows),
            votes=votes[rows[0]].count,
            failed=votes[rows[0]].of - votes[rows[0]].count,
            broken=len(votes[rows[0]].regressions),
            unmet=unmet,
        )
        for rows in alike.values()
    )
