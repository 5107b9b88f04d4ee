"""What abstaining is worth: a rule that picks only where it is sure enough, from all candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selection.lab.labelled import Labelled
from selection.lab.replay import Entrant, Pick, pick_of

THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Values of `min_probability`."""


@dataclass(frozen=True, slots=True)
class Cautious:
    """A rule that abstains below a probability: `answered`, `right` and `harm` are shares of all issues.

    `precision` is the share of its picks that are right, None where it makes none.
    """

    rule: str
    min_probability: float
    answered: float
    right: float
    harm: float
    precision: float | None


def abstaining(issues: Sequence[Labelled], entrants: Sequence[Entrant]) -> list[Cautious]:
    """Return what each rule that says a probability comes to at every threshold."""
    found = []
    for entrant in entrants:
        picks = [pick_of(entrant.choose_for(issue)(issue.evidence), issue) for issue in issues]
        if any(pick.probability is not None for pick in picks):
            found += [_cautious(entrant.name, threshold, picks) for threshold in THRESHOLDS]
    return found


def _cautious(rule: str, threshold: float, picks: Sequence[Pick]) -> Cautious:
    sure = [pick for pick in picks if pick.probability is not None and pick.probability >= threshold]
    right = sum(pick.right for pick in sure)
    return Cautious(
        rule=rule,
        min_probability=threshold,
        answered=len(sure) / len(picks),
        right=right / len(picks),
        harm=sum(pick.harm for pick in sure) / len(picks),
        precision=right / len(sure) if sure else None,
    )
