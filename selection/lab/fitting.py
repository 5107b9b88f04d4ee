"""Fitted rules measured fairly: each issue is played by what was fitted on the other repositories."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from selection.lab.labelled import Labelled
from selection.lab.replay import Choose, Entrant

Fit = Callable[[Sequence[Labelled]], Choose]
"""Fits a rule on labelled issues."""


def across_repositories(name: str, issues: Sequence[Labelled], fit: Fit) -> Entrant:
    """Return an entrant that plays the issues of each repository by what was fitted on all others.

    With a single repository it is fitted on nothing, which leaves a rule its priors.

    Args:
        name: of the rule.
        issues: all issues, those that are played among them.
        fit: fits the rule; called once for each repository, when one of its issues is first played.
    """
    fitted: dict[str, Choose] = {}

    def choose_for(issue: Labelled) -> Choose:
        repo = issue.evidence.repo
        if repo not in fitted:
            fitted[repo] = fit([one for one in issues if one.evidence.repo != repo])
        return fitted[repo]

    return Entrant(name, choose_for)
