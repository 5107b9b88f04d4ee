"""How sure a share is, and how sure a difference of two runs on the same issues is."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

_Z = 1.959963984540054
_DRAWS = 4000


def wilson(good: int, of: int) -> tuple[float, float]:
    """Return the 95% interval of a share (Wilson 1927); all of [0, 1] for a share of nothing."""
    if not of:
        return 0.0, 1.0
    share, square = good / of, _Z * _Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _Z * math.sqrt(share * (1 - share) / of + square / (4 * of * of)) / (1 + square / of)
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class Paired:
    """Two runs on the issues that both have.

    `only_first` and `only_second` count issues that one alone resolves. `difference` is the second's share
    minus the first's, `low` and `high` its 95% interval (percentile bootstrap over issues, seeded), `p` the
    exact two-sided test of McNemar.
    """

    issues: int
    both: int
    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p: float


def paired(first: Sequence[bool], second: Sequence[bool]) -> Paired:
    """Compare two runs by issue; both lists are in the same order.

    Raises:
        ValueError: they are not of one length.
    """
    pairs = list(zip(first, second, strict=True))
    both = sum(a and b for a, b in pairs)
    only_first, only_second = sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)
    steps = [int(b) - int(a) for a, b in pairs]
    low, high = _bootstrap(steps)
    return Paired(
        issues=len(pairs),
        both=both,
        only_first=only_first,
        only_second=only_second,
        difference=sum(steps) / len(steps) if steps else 0.0,
        low=low,
        high=high,
        p=_mcnemar(only_first, only_second),
    )


def _bootstrap(steps: Sequence[int]) -> tuple[float, float]:
    if not steps:
        return -1.0, 1.0
    dice = random.Random(1)
    means = sorted(sum(dice.choices(steps, k=len(steps))) / len(steps) for _ in range(_DRAWS))
    return means[int(_DRAWS * 0.025)], means[int(_DRAWS * 0.975) - 1]


def _mcnemar(first: int, second: int) -> float:
    """Return the probability of a split at least as uneven where both were alike."""
    count, least = first + second, min(first, second)
    tail: int = sum(math.comb(count, k) for k in range(least + 1))
    return min(1.0, float(2 * tail / 2**count))
