"""Logistic regression with a ridge, by Newton's method: small enough to need no library."""

from __future__ import annotations

import math
from collections.abc import Sequence

Vector = Sequence[float]


def sigmoid(x: float) -> float:
    """Return 1 / (1 + e^-x) without overflow."""
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    power = math.exp(x)
    return power / (1 + power)


def logit(p: float, least: float = 1e-4) -> float:
    """Return log(p / (1 - p)), of p kept `least` away from 0 and 1."""
    kept = min(max(p, least), 1 - least)
    return math.log(kept / (1 - kept))


def fit_logistic(
    rows: Sequence[Vector], labels: Vector, weights: Vector, *, ridge: Vector, prior: Vector = ()
) -> tuple[float, ...]:
    """Return the coefficients that make the labels likeliest.

    Args:
        rows: one vector a case; add a constant yourself where one is wanted.
        labels: from 0 to 1.
        weights: how much each case counts.
        ridge: strength of the pull of each coefficient towards its prior, in the unit of the weights.
        prior: where coefficients are without evidence; 0 where it is not given.
    """
    size = len(ridge)
    start = list(prior) or [0.0] * size
    found = list(start)
    for _ in range(25):
        slope = [pull * (a - b) for pull, a, b in zip(ridge, found, start, strict=True)]
        curve = [[ridge[i] if i == j else 0.0 for j in range(size)] for i in range(size)]
        for row, label, weight in zip(rows, labels, weights, strict=True):
            p = sigmoid(sum(a * b for a, b in zip(found, row, strict=True)))
            pull, bend = weight * (p - label), weight * p * (1 - p)
            for i in range(size):
                if row[i]:
                    slope[i] += pull * row[i]
                    scaled, line = bend * row[i], curve[i]
                    for j in range(i + 1):
                        line[j] += scaled * row[j]
        step = _solved(curve, slope)
        found = [a - b for a, b in zip(found, step, strict=True)]
        if max(map(abs, step), default=0.0) < 1e-7:
            break
    return tuple(found)


def _solved(lower: list[list[float]], right: list[float]) -> list[float]:
    """Return the solution of a symmetric positive definite system, given its lower half (Cholesky)."""
    size = len(right)
    root = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = lower[i][j] - sum(root[i][k] * root[j][k] for k in range(j))
            root[i][j] = math.sqrt(max(rest, 1e-12)) if i == j else rest / root[j][j]
    half = [0.0] * size
    for i in range(size):
        half[i] = (right[i] - sum(root[i][k] * half[k] for k in range(i))) / root[i][i]
    found = [0.0] * size
    for i in reversed(range(size)):
        found[i] = (half[i] - sum(root[k][i] * found[k] for k in range(i + 1, size))) / root[i][i]
    return found
