"""How far a judge's numbers can be trusted: is right ranked above wrong, and does 0.8 mean eight of ten?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BINS = 10


@dataclass(frozen=True, slots=True)
class Said:
    """A number in [0, 1] that a judge gave, and how right it was: 1, 0, or between where averaged."""

    probability: float
    right: float


@dataclass(frozen=True, slots=True)
class Bin:
    """What was said within [low, high), the last including its end, and how much of it was right."""

    low: float
    high: float
    count: int
    said: float
    right: float


@dataclass(frozen=True, slots=True)
class Reliability:
    """What a judge's numbers are worth.

    `auc` is over all pairs, `within` over the pairs of one issue, which is what a selector needs; None where
    there is no such pair. `error` is the expected calibration error (Naeini et al. 2015) over ten equal bins,
    `brier` the mean squared error.
    """

    count: int
    auc: float | None
    within: float | None
    error: float
    brier: float
    bins: tuple[Bin, ...]


def reliability(issues: Iterable[Sequence[Said]]) -> Reliability | None:
    """Return what a judge's numbers are worth over several issues; None where it gave none."""
    groups = [group for group in issues if group]
    everything = [one for group in groups for one in group]
    if not everything:
        return None
    found = bins(everything)
    n = len(everything)
    won = [pairs for group in groups if (pairs := _pairs(group)) is not None]
    return Reliability(
        count=n,
        auc=auc(everything),
        within=sum(won) / len(won) if won else None,
        error=sum(one.count / n * abs(one.said - one.right) for one in found),
        brier=sum((one.probability - one.right) ** 2 for one in everything) / n,
        bins=found,
    )


def auc(said: Sequence[Said]) -> float | None:
    """Return the chance that a right one has a higher number than a wrong one, ties counting half.

    What is right in part counts as both, by its parts. None where nothing is right or nothing is wrong.
    """
    ordered = sorted(said, key=lambda one: one.probability)
    right = sum(one.right for one in ordered)
    wrong = len(ordered) - right
    if right <= 0 or wrong <= 0:
        return None
    below, won, at = 0.0, 0.0, 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end].probability == ordered[at].probability:
            end += 1
        here = sum(one.right for one in ordered[at:end])
        lost = end - at - here
        won += here * (below + lost / 2)
        below += lost
        at = end
    return won / (right * wrong)


def bins(said: Sequence[Said]) -> tuple[Bin, ...]:
    """Return the bins of equal width in which something was said."""
    groups: dict[int, list[Said]] = {}
    for one in said:
        groups.setdefault(min(BINS - 1, int(one.probability * BINS)), []).append(one)
    return tuple(
        Bin(
            low=number / BINS,
            high=(number + 1) / BINS,
            count=len(group),
            said=sum(one.probability for one in group) / len(group),
            right=sum(one.right for one in group) / len(group),
        )
        for number, group in sorted(groups.items())
    )


def _pairs(group: Sequence[Said]) -> float | None:
    return auc(group)
