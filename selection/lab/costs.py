"""What a point costs, beside one trajectory at the same price.

A best@k without the price of k candidates says little: the control is a trajectory that may spend as much.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from selection.feature_verifier import JUDGE as FEATURES
from selection.lab.figures import ROUNDING, Figures
from selection.lab.labelled import Labelled
from selection.lab.replay import Entrant
from selection.rules.hearing import Hears, nobody


@dataclass(frozen=True, slots=True)
class Spent:
    """What a rule costs and gains with k candidates.

    `dollars` are of one issue on average, candidates and judging. `a_resolved` are the dollars of a resolved
    issue, `a_point` those of one more issue in a hundred than a single candidate resolves, which nobody
    judges; None where nothing is resolved or gained.
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


def priced(issues: Sequence[Labelled]) -> bool:
    """Whether it is known of every issue what candidates cost; a mean over some would mislead."""
    return bool(issues) and all(issue.costs for issue in issues)


def spent(issues: Sequence[Labelled], figures: Figures, entrants: Sequence[Entrant]) -> list[Spent]:
    """Return what every rule costs at each k; empty where it is not known of every issue."""
    if not priced(issues):
        return []
    found = []
    base, hears = dollars_at(issues, 1), _hears(entrants)
    for rule in figures.rules:
        for place, at in enumerate(rule.at):
            cost, best = dollars_at(issues, at.k, hears[rule.name]), at.best.value or 0.0
            gain = best - figures.lines.any[place]
            found.append(
                Spent(
                    rule.name,
                    at.k,
                    cost,
                    cost / best if best > 0 else None,
                    (cost - base) / (100 * gain) if gain > ROUNDING else None,
                )
            )
    return found


def dollars_at(issues: Sequence[Labelled], k: int, hears: Hears = nobody) -> float:
    """Return the mean dollars of k candidates of an issue, and of their part of the judging.

    Args:
        issues: with what was paid for.
        k: how many candidates; an issue with fewer counts with all of them.
        hears: whose words reach the rule; nobody else's are paid for.
    """
    prices = [_dollars(issue, k, hears(issue.evidence)) for issue in issues]
    return sum(prices) / len(prices) if prices else 0.0


def _dollars(issue: Labelled, k: int, heard: Collection[str]) -> float:
    known = list(issue.costs.values())
    mean = sum(known) / len(known) if known else 0.0
    n = len(issue.resolved)
    readers = set(heard) - {*issue.resolved, *issue.testers, FEATURES}
    judging = sum(
        price for reader, price in issue.judging.items() if reader in heard or (readers and not reader)
    )
    tests = sum(price for author, price in issue.testers.items() if author in heard)
    return issue.context + tests + min(k, n) * (mean + judging / n)


def control(
    singles: Sequence[Labelled], issues: Sequence[Labelled], figures: Figures, entrants: Sequence[Entrant]
) -> Control:
    """Return single trajectories, which nobody judges, beside every rule at the same price."""
    dollars, hears = dollars_at(singles, 1), _hears(entrants)
    resolved = sum(one.share(one.ids) for one in singles) / len(singles)
    rules = {
        rule.name: _between(
            sorted((dollars_at(issues, at.k, hears[rule.name]), at.best.value or 0.0) for at in rule.at),
            dollars,
        )
        for rule in figures.rules
    }
    return Control(dollars, resolved, rules)


def _hears(entrants: Sequence[Entrant]) -> dict[str, Hears]:
    return {entrant.name: entrant.hears for entrant in entrants}


def _between(curve: Sequence[tuple[float, float]], dollars: float) -> float | None:
    """Return a curve's value at a price, on the straight line between its neighbours."""
    for (low, first), (high, second) in pairwise(curve):
        if low <= dollars <= high:
            part = (dollars - low) / (high - low) if high > low else 0.0
            return first + part * (second - first)
    return None
