"""Who takes part: rules by name, alone or with chosen judges only, as in `r2e-hybrid+features`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from selection.evidence import Evidence
from selection.feature_verifier import JUDGE
from selection.lab.fits import Fits
from selection.lab.labelled import Labelled, LabError
from selection.lab.replay import Choose, Entrant
from selection.rules import RULES, RuleError, rule_named
from selection.verdict import Selection

NOBODY = "none"
"""After a plus: no judge at all, so that a rule decides by execution alone."""


def entrants(names: Sequence[str], issues: Sequence[Labelled], fits: Fits) -> list[Entrant]:
    """Return the entrants of names; no name is all rules.

    A name is a rule's, which takes all evidence, or a rule's with judges after plus signs, which takes the
    verdicts and comparisons of these alone: `r2e-hybrid+verifier:patch`, `r2e-hybrid+none`. The feature
    verifier needs no model: it reads each subset anew.

    Raises:
        LabError: there is no such rule, or no issue has a verdict of such a judge.
    """
    known = {JUDGE, NOBODY}
    known |= {one.judge for issue in issues for one in issue.evidence.verdicts}
    known |= {one.judge for issue in issues for one in issue.evidence.comparisons}
    return [_entrant(name, known, fits) for name in dict.fromkeys(names or RULES)]


def _entrant(name: str, known: Collection[str], fits: Fits) -> Entrant:
    head, *judges = name.split("+")
    try:
        rule = rule_named(head)
    except RuleError as error:
        raise LabError(str(error)) from error
    if missing := sorted(set(judges) - set(known)):
        there = ", ".join(sorted(set(known) - {NOBODY}))
        raise LabError(f"{name}: no evidence of {missing[0]}; there is some of {there}")

    def choose_for(issue: Labelled) -> Choose:
        choose = fits.rule(head, issue)

        def choose_by(evidence: Evidence) -> Selection:
            heard = fits.read(evidence, issue) if not judges or JUDGE in judges else evidence
            return choose(_only(heard, judges) if judges else heard)

        return choose_by

    def hears(evidence: Evidence) -> frozenset[str]:
        return rule.hears(_only(evidence, judges) if judges else evidence)

    return Entrant(name, choose_for, hears)


def _only(evidence: Evidence, judges: Collection[str]) -> Evidence:
    """Return evidence without what other judges said."""
    return replace(
        evidence,
        verdicts=tuple(one for one in evidence.verdicts if one.judge in judges),
        comparisons=tuple(one for one in evidence.comparisons if one.judge in judges),
    )
