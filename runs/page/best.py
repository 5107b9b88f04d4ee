"""How many issues the best of k candidates resolves, as far as a batch can know that.

Only winners are graded. So the curve by grades needs issues in which the winner's grade says all, and the
other goes by the probabilities that the rule itself gives, which are no verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from runs.batch.outcome import Outcome, Status
from runs.decision import Decision
from runs.page.html import Html, joined, table, tag, text

_WIDTH, _HEIGHT = 560, 160


def estimated(decision: Decision | None) -> list[float] | None:
    """Return the rule's probability that each candidate is right; None where it gives none."""
    if decision is None or (decision.lines and not decision.probabilities):
        return None
    return [0.0 if one.rejected else decision.probabilities.get(one.cluster, 0.0) for one in decision.lines]


def graded(decision: Decision | None, outcome: Outcome) -> list[float] | None:
    """Return 1 for each candidate that resolves the issue and 0 for others; None where that is not known.

    It is known of the winner, of those that are the same program, and of those that changed nothing.
    """
    if decision is None or not outcome.graded:
        return None
    winner = next((one for one in decision.lines if one.candidate == decision.winner), None)
    if any(one.changed_lines and (winner is None or one.cluster != winner.cluster) for one in decision.lines):
        return None
    good = float(outcome.status is Status.RESOLVED)
    return [good if one.changed_lines else 0.0 for one in decision.lines]


def best_of(chances: Sequence[float], k: int) -> float:
    """Return the chance of the likeliest of k candidates drawn at random, all where there are fewer.

    The mean over all draws of k: the i-th best is the best of one in C(n - i, k - 1) of C(n, k).
    """
    n, ordered = len(chances), sorted(chances, reverse=True)
    k = min(k, n)
    draws = math.comb(n, k)
    return sum(one * math.comb(n - i, k - 1) / draws for i, one in enumerate(ordered, 1)) if k else 0.0


@dataclass
class Curves:
    """The candidates of a batch's issues, taken in one issue at a time."""

    issues: int = 0
    estimates: list[list[float]] = field(default_factory=list)
    grades: list[list[float]] = field(default_factory=list)

    def add(self, decision: Decision | None, outcome: Outcome) -> None:
        """Take in an issue; failures of infrastructure say nothing."""
        if not outcome.is_final:
            return
        self.issues += 1
        if (chances := estimated(decision)) is not None:
            self.estimates.append(chances)
        if (known := graded(decision, outcome)) is not None:
            self.grades.append(known)

    def shown(self) -> Html:
        """Return what there is of the curves, and why there is no more."""
        found = [(name, _curve(chances)) for name, chances in self._complete()]
        steps = max((len(curve) for _, curve in found), default=0)
        rows = [
            (k + 1, *(f"{curve[min(k, len(curve) - 1)]:.1%}" for _, curve in found)) for k in range(steps)
        ]
        parts = [_drawn(name, curve) for name, curve in found if len(curve) > 1]
        if rows:
            parts.append(table(("k", *(name for name, _ in found)), rows))
        notes = [tag("p", text(note), kind="dim") for note in self._notes()]
        return joined([tag("h3", text("Best of k candidates")), *parts, *notes])

    def _complete(self) -> list[tuple[str, list[list[float]]]]:
        named = [("by grades", self.grades), ("by the rule's own probability", self.estimates)]
        return [(name, chances) for name, chances in named if self.issues and len(chances) == self.issues]

    def _notes(self) -> list[str]:
        """Return what the curves are, or why they are not there."""
        notes = []
        if len(self.grades) < self.issues or not self.issues:
            notes.append(
                f"No curve by grades: only winners are graded, and of {len(self.grades)} of {self.issues} "
                "issues that says how all candidates are."
            )
        if len(self.estimates) < self.issues or not self.issues:
            notes.append(
                "No curve by probability: the rule gives one in "
                f"{len(self.estimates)} of {self.issues} issues."
            )
        else:
            notes.append(
                "By the rule's own probability, which is no verdict: the likeliest of k candidates drawn at "
                "random, judged on the evidence of all of them; k candidates alone have less."
            )
        return notes


def _curve(issues: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean over issues for k = 1, 2, ... up to the most candidates of any."""
    most = max((len(chances) for chances in issues), default=0)
    return [sum(best_of(one, k) for one in issues) / len(issues) for k in range(1, most + 1)]


def _drawn(name: str, curve: Sequence[float]) -> Html:
    points = " ".join(
        f"{k / (len(curve) - 1) * _WIDTH:.1f},{_HEIGHT - share * (_HEIGHT - 20):.1f}"
        for k, share in enumerate(curve)
    )
    line = tag("polyline", points=points, kind="line")
    axis = tag("line", x1="0", y1=str(_HEIGHT), x2=str(_WIDTH), y2=str(_HEIGHT), kind="axis")
    said = text(f"{name}: {curve[0]:.0%} for one, {curve[-1]:.0%} for all {len(curve)}; the top is 100%")
    svg = tag("svg", line, axis, viewBox=f"0 0 {_WIDTH} {_HEIGHT + 4}", width=str(_WIDTH))
    return joined([tag("p", said), svg])
