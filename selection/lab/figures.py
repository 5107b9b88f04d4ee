"""What rules are worth over many issues: best@k, efficiency, harm, intervals, and the lines around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from selection.lab.intervals import Estimate, estimate
from selection.lab.labelled import Labelled, LabError
from selection.lab.replay import Entrant, Mean, Point, points

EVERYTHING = 1_000_000
"""The k that is all candidates of an issue, however many."""
ROUNDING = 1e-9
"""A gain of no more than this is none: sums of shares differ by it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to measure: which k, how many subsets of an issue at most, and the seed of every draw."""

    ks: tuple[int, ...] = (1, 2, 4, 8, EVERYTHING)
    samples: int = 1000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class AtK:
    """A rule's figures for one k, all of them shares of issues but for the efficiencies.

    `best` is best@k: the chance that the pick is right; an abstention is none. `efficiency` is
    (best@k - pass@1) / (pass@k - pass@1) over all issues, `efficiency_mixed` over those whose candidates
    disagree, where a rule that never abstains has the same; None where there is nothing to gain. `harm`,
    `help` and the default they are told against: see `selection.lab.replay`. `net` is help less harm.
    """

    k: int
    best: Estimate
    best_mixed: Estimate
    efficiency: Estimate
    efficiency_mixed: Estimate
    wrong: float
    abstained: float
    harm: Estimate
    help: float


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """A rule's figures for each k, in the order of the plan."""

    name: str
    at: tuple[AtK, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """What no rule can leave or everybody has, for each k in the order of the plan: shares of issues.

    `issues` counts those that have as many candidates. `oracle` is pass@k, `any` pass@1, `default` a member
    of the largest cluster.
    """

    ks: tuple[int, ...]
    issues: tuple[int, ...]
    oracle: tuple[float, ...]
    any: tuple[float, ...]
    default: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """All that was measured of rules; `candidates` is their mean number an issue."""

    issues: int
    mixed: int
    candidates: float
    repositories: tuple[str, ...]
    lines: Lines
    lines_mixed: Lines
    rules: tuple[RuleFigures, ...]


@dataclass(frozen=True, slots=True)
class Played:
    """An issue with its points, one for each k of the plan."""

    issue: Labelled
    points: tuple[Point, ...]


def play(
    issues: Sequence[Labelled],
    entrants: Sequence[Entrant],
    plan: Plan,
    told: Callable[[int], None] = lambda done: None,
) -> list[Played]:
    """Return every issue's points; `told` hears how many issues are done."""
    found = []
    for done, issue in enumerate(issues, start=1):
        found.append(Played(issue, tuple(points(issue, entrants, plan.ks, plan.samples, plan.seed))))
        told(done)
    return found


def figures_of(played: Sequence[Played], entrants: Sequence[Entrant], plan: Plan) -> Figures:
    """Return the figures of rules over played issues.

    Raises:
        LabError: there is no issue.
    """
    if not played:
        raise LabError("there is no issue with a labelled candidate; check --labels")
    mixed = [one for one in played if one.issue.mixed]
    return Figures(
        issues=len(played),
        mixed=len(mixed),
        candidates=_mean([len(one.issue.resolved) for one in played]),
        repositories=tuple(sorted({one.issue.evidence.repo for one in played})),
        lines=_lines(played, plan),
        lines_mixed=_lines(mixed, plan),
        rules=tuple(_rule(entrant.name, played, mixed, plan) for entrant in entrants),
    )


def efficiency(at: Sequence[Point], name: str) -> float | None:
    """Return a rule's share of what a perfect choice gains over any choice; None where that is nothing."""
    base = sum(point.any for point in at)
    gain = sum(point.oracle for point in at) - base
    return (sum(point.rules[name].right for point in at) - base) / gain if gain > ROUNDING else None


def _rule(name: str, played: Sequence[Played], mixed: Sequence[Played], plan: Plan) -> RuleFigures:
    return RuleFigures(
        name,
        tuple(_at(name, k, _points(played, at), _points(mixed, at), plan) for at, k in enumerate(plan.ks)),
    )


def _at(name: str, k: int, everywhere: Sequence[Point], mixed: Sequence[Point], plan: Plan) -> AtK:
    def best(at: Sequence[Point]) -> float | None:
        return _mean([point.rules[name].right for point in at]) if at else None

    def harm(at: Sequence[Point]) -> float | None:
        return _mean([point.rules[name].harm for point in at]) if at else None

    means: list[Mean] = [point.rules[name] for point in everywhere]
    return AtK(
        k=k,
        best=estimate(everywhere, best, plan.seed),
        best_mixed=estimate(mixed, best, plan.seed),
        efficiency=estimate(everywhere, lambda at: efficiency(at, name), plan.seed),
        efficiency_mixed=estimate(mixed, lambda at: efficiency(at, name), plan.seed),
        wrong=_mean([one.wrong for one in means]),
        abstained=_mean([one.abstained for one in means]),
        harm=estimate(everywhere, harm, plan.seed),
        help=_mean([one.help for one in means]),
    )


def _lines(played: Sequence[Played], plan: Plan) -> Lines:
    columns = [_points(played, at) for at in range(len(plan.ks))]
    return Lines(
        ks=plan.ks,
        issues=tuple(sum(len(one.issue.resolved) >= k or k == EVERYTHING for one in played) for k in plan.ks),
        oracle=tuple(_mean([point.oracle for point in column]) for column in columns),
        any=tuple(_mean([point.any for point in column]) for column in columns),
        default=tuple(_mean([point.default for point in column]) for column in columns),
    )


def _points(played: Sequence[Played], at: int) -> list[Point]:
    return [one.points[at] for one in played]


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0
