"""What fitted rules and the feature verifier play with: the shipped weights, or some fitted elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from selection.evidence import Evidence
from selection.feature_verifier import JUDGE, Weights, verdicts
from selection.fitting import fit_features, fit_posterior, priors
from selection.lab.labelled import Labelled, LabError
from selection.lab.replay import Choose
from selection.posterior import Model
from selection.rules import rule_named
from selection.rules.posterior import EXECUTION, NAME, chooser

FITTED = (NAME, EXECUTION)
"""The rules with weights."""


class Fits(Protocol):
    """Gives the rules, and the feature verifier, that play an issue."""

    def rule(self, name: str, issue: Labelled) -> Choose:
        """Return the rule of a name.

        Raises:
            RuleError: there is none.
        """

    def read(self, evidence: Evidence, issue: Labelled) -> Evidence:
        """Return evidence of an issue, or of a part of it, with what the feature verifier says."""


class Shipped:
    """The weights that come with the package; on issues they were fitted on they look too good."""

    def rule(self, name: str, issue: Labelled) -> Choose:
        """See `Fits.rule`."""
        return rule_named(name).choose

    def read(self, evidence: Evidence, issue: Labelled) -> Evidence:
        """See `Fits.read`."""
        return _read(evidence, None)


class Refitted:
    """Weights that were fitted on the issues of all other repositories, made when first needed.

    They start from `selection.fitting.priors`: the shipped weights were fitted on every repository.

    Raises:
        LabError: in both methods, where no other repository has an issue to fit on.
    """

    def __init__(self, issues: Sequence[Labelled]) -> None:
        self._issues = issues
        self._features: dict[str, Weights] = {}
        self._models: dict[tuple[str, str], Model] = {}

    def rule(self, name: str, issue: Labelled) -> Choose:
        """See `Fits.rule`."""
        if name not in FITTED:
            return rule_named(name).choose
        repo = issue.evidence.repo
        weights = self._weights(issue)
        if (name, repo) not in self._models:
            self._models[name, repo] = fit_posterior(self._others(issue), priors(name), weights)
        return chooser(name, self._models[name, repo], weights)

    def read(self, evidence: Evidence, issue: Labelled) -> Evidence:
        """See `Fits.read`."""
        return _read(evidence, self._weights(issue))

    def _weights(self, issue: Labelled) -> Weights:
        repo = issue.evidence.repo
        if repo not in self._features:
            self._features[repo] = fit_features(self._others(issue))
        return self._features[repo]

    def _others(self, issue: Labelled) -> list[Labelled]:
        others = [one for one in self._issues if one.evidence.repo != issue.evidence.repo]
        if not any(one.mixed for one in others):
            repo = issue.evidence.repo or "the one repository"
            raise LabError(f"nothing to fit on beside {repo}: leave out --refit, or add issues of others")
        return others


def _read(evidence: Evidence, weights: Weights | None) -> Evidence:
    """Return evidence with the verdicts of the feature verifier; those of more candidates are left out."""
    others = tuple(one for one in evidence.verdicts if one.judge != JUDGE)
    return replace(evidence, verdicts=(*others, *verdicts(evidence, weights)))
