"""One ranking out of several."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

K = 60
"""Damps the lead of the first places; the value of the paper."""


def fused(rankings: Iterable[Sequence[str]]) -> list[str]:
    """Merge rankings by the sum of their reciprocal ranks, 1 / (60 + place).

    What is missing in a ranking gets nothing from it; what is twice in one counts once; ties go by name.

    Reciprocal rank fusion (Cormack, Clarke and Buettcher, SIGIR 2009). CodeMonkeys takes the mean of place /
    length, under which a ranking of all files beside short ones of a few would hardly count.
    """
    shares: dict[str, list[float]] = defaultdict(list)
    for ranking in rankings:
        for place, name in enumerate(dict.fromkeys(ranking), 1):
            shares[name].append(1 / (K + place))
    return sorted(shares, key=lambda name: (-math.fsum(shares[name]), name))
