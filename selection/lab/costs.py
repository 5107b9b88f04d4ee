"""What a point costs, beside one trajectory at the same price.

A best@k without the price of k candidates says little: the control is a trajectory that may spend as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from selection.lab.figures import Figures
from selection.lab.labelled import Labelled


@dataclass(frozen=True, slots=True)
class Spent:
    """What a rule costs and gains with k candidates.

    `dollars` are of one issue on average, candidates and judging. `a_resolved` are the dollars of a resolved
    issue, `a_point` those of one more issue in a hundred than a single candidate resolves; None where
    nothing is resolved or gained.
    """

    rule: str
    k: int
    dollars: float
    a_resolved: float | None
    a_point: float | None


@dataclass(frozen=True, slots=True)
class Control:
    """Single trajectories: their dollars an issue, and the share of issues they resolve.

    `rule` is the share that a rule resolves for the same dollars, between the two k around it; None where the
    dollars lie outside of what k candidates cost.
    """

    dollars: float
    resolved: float
    rules: dict[str, float | None]


def spent(issues: Sequence[Labelled], figures: Figures) -> list[Spent]:
    """Return what every rule costs at each k; empty where no costs are known."""
    if not any(issue.costs for issue in issues):
        return []
    found = []
    base = dollars_at(issues, 1)
    for rule in figures.rules:
        for place, at in enumerate(rule.at):
            cost, best = dollars_at(issues, at.k), at.best.value or 0.0
            gain = best - figures.lines.any[place]
            found.append(
                Spent(
                    rule.name,
                    at.k,
                    cost,
                    cost / best if best > 0 else None,
                    (cost - base) / (100 * gain) if gain > 0 else None,
                )
            )
    return found


def dollars_at(issues: Sequence[Labelled], k: int) -> float:
    """Return the mean dollars of k candidates of an issue, with their part of the judging."""
    prices = []
    for issue in issues:
        n = len(issue.resolved)
        share = min(k, n) / n
        known = list(issue.costs.values())
        mean = sum(known) / len(known) if known else 0.0
        prices.append(share * (n * mean + issue.judging))
    return sum(prices) / len(prices) if prices else 0.0


def control(singles: Sequence[Labelled], issues: Sequence[Labelled], figures: Figures) -> Control:
    """Return single trajectories beside every rule at the same price."""
    dollars = dollars_at(singles, 1)
    resolved = sum(one.share(one.ids) for one in singles) / len(singles)
    rules = {
        rule.name: _between(
            sorted((dollars_at(issues, at.k), at.best.value or 0.0) for at in rule.at), dollars
        )
        for rule in figures.rules
    }
    return Control(dollars, resolved, rules)


def _between(curve: Sequence[tuple[float, float]], dollars: float) -> float | None:
    """Return a curve's value at a price, on the straight line between its neighbours."""
    for (low, first), (high, second) in pairwise(curve):
        if low <= dollars <= high:
            part = (dollars - low) / (high - low) if high > low else 0.0
            return first + part * (second - first)
    return None
