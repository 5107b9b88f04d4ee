"""Which subsets of an issue's candidates are tried: all of them where they are few, else a seeded draw."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from itertools import combinations
from math import comb


def subsets(ids: Sequence[str], k: int, samples: int, seed: int) -> list[tuple[str, ...]]:
    """Return every subset of k where there are no more than `samples`, else so many drawn at random.

    The draw depends on the ids, k and the seed alone, so every rule is tried on the same subsets.

    Args:
        ids: of the candidates.
        k: the size, at least 1; beyond all of them it is all.
        samples: how many at most, at least 1.
        seed: of the draw.
    """
    ordered = sorted(ids)
    k = min(k, len(ordered))
    if not k:
        return []
    if comb(len(ordered), k) <= samples:
        return list(combinations(ordered, k))
    digest = hashlib.sha256("\n".join([str(seed), str(k), *ordered]).encode()).digest()
    draw = random.Random(digest)
    return [tuple(sorted(draw.sample(ordered, k))) for _ in range(samples)]
