"""Confidence intervals by drawing issues again with replacement (Efron's percentile bootstrap)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

ROUNDS = 1000
LEVEL = 0.95

Issue = TypeVar("Issue")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95% interval over issues; the ends are None where it cannot be said."""

    value: float | None
    low: float | None = None
    high: float | None = None


def estimate(
    issues: Sequence[Issue], figure: Callable[[Sequence[Issue]], float | None], seed: int
) -> Estimate:
    """Return a figure over issues with its interval; drawn sets on which it is not defined do not count."""
    value = figure(issues)
    if value is None or len(issues) < 2:
        return Estimate(value)
    draw = random.Random(seed)
    drawn = (figure(draw.choices(issues, k=len(issues))) for _ in range(ROUNDS))
    known = sorted(one for one in drawn if one is not None)
    if len(known) < ROUNDS // 2:
        return Estimate(value)
    cut = (1 - LEVEL) / 2
    return Estimate(value, known[int(cut * len(known))], known[int((1 - cut) * len(known)) - 1])
