"""Every feature by itself: what it is of right and of wrong candidates, and whether it ranks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from selection.features import ABOUT, measure
from selection.lab.calibration import Said, auc
from selection.lab.labelled import Labelled


@dataclass(frozen=True, slots=True)
class Measured:
    """A feature over all candidates of which it is known.

    `right` and `wrong` count these, and the means are theirs: of a yes or no, the share that has it. `apart`
    counts the issues in which it is not the same of all right and wrong ones. `within` is the chance that a
    right one has more of it than a wrong one of its issue, the mean of issues that have both.
    """

    name: str
    right: int
    wrong: int
    mean_right: float | None
    mean_wrong: float | None
    apart: int
    within: float | None


def measured(issues: Sequence[Labelled]) -> tuple[Measured, ...]:
    """Return every feature that is known of a candidate."""
    tables = [(measure(issue.evidence), issue.resolved) for issue in issues]
    found = []
    for name in ABOUT:
        groups = [
            [Said(one[name], float(resolved[id_])) for id_, one in table.items() if name in one]
            for table, resolved in tables
        ]
        if any(groups):
            found.append(_measured(name, groups))
    return tuple(found)


def _measured(name: str, groups: Sequence[Sequence[Said]]) -> Measured:
    right = [one.probability for group in groups for one in group if one.right]
    wrong = [one.probability for group in groups for one in group if not one.right]
    mixed = [group for group in groups if len({one.right for one in group}) == 2]
    ranks = [rank for group in mixed if (rank := auc(group)) is not None]
    return Measured(
        name=name,
        right=len(right),
        wrong=len(wrong),
        mean_right=fmean(right) if right else None,
        mean_wrong=fmean(wrong) if wrong else None,
        apart=sum(len({one.probability for one in group}) > 1 for group in mixed),
        within=fmean(ranks) if ranks else None,
    )
