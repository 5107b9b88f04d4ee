"""Exact chances over random subsets: pass@k, and best@k of what ranks candidates the same in every subset.

pass@k is the unbiased estimator of Chen et al. 2021 (section 2.1). best@k of a fixed ranking is its
counterpart for a choice (SWE-Gym and R2E-Gym average over subsets instead): the best of a subset of k is the
i-th of all with probability C(n-i, k-1) / C(n, k).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import comb


def pass_at(n: int, right: int, k: int) -> float:
    """Return the chance that k of n candidates hold a right one; a k beyond n is n.

    Args:
        n: candidates.
        right: how many of them are right.
        k: how many are drawn, at least 1.
    """
    if not n:
        return 0.0
    k = min(k, n)
    return 1.0 - comb(n - right, k) / comb(n, k)


def best_at(scores: Mapping[str, float | None], resolved: Mapping[str, bool], k: int) -> float:
    """Return the chance that the best-scored of k of the candidates is right, ties averaged.

    A candidate without a score stands behind all that have one.

    Args:
        scores: by candidate id; more is better.
        resolved: whether each candidate is right.
        k: how many are drawn, at least 1; beyond all of them it is all.
    """
    groups: dict[tuple[bool, float], list[bool]] = {}
    for id_, right in resolved.items():
        score = scores.get(id_)
        groups.setdefault((score is not None, score if score is not None else 0.0), []).append(right)
    return ranked_best_at((groups[place] for place in sorted(groups, reverse=True)), k)


def ranked_best_at(groups: Iterable[list[bool]], k: int) -> float:
    """Return the same for groups of equals, the best first; of a group each is as likely the pick.

    The best group that a subset meets is this one when it meets nothing before and something of it.
    """
    places = [list(group) for group in groups]
    n = sum(map(len, places))
    if not n:
        return 0.0
    k = min(k, n)
    chance, left = 0.0, n
    for group in places:
        meets = comb(left, k) - comb(left - len(group), k)
        chance += meets / comb(n, k) * (sum(group) / len(group))
        left -= len(group)
    return chance
