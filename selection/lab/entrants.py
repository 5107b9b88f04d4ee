"""Who takes part: rules by name, alone or with chosen judges only, as in `r2e-hybrid+features`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from selection.evidence import Evidence
from selection.lab.labelled import Labelled, LabError
from selection.lab.replay import Choose, Entrant
from selection.rules import RULES, RuleError, rule_named
from selection.verdict import Selection

NOBODY = "none"
"""After a plus: no judge at all, so that a rule decides by execution alone."""


def entrants(names: Sequence[str], issues: Sequence[Labelled]) -> list[Entrant]:
    """Return the entrants of names; no name is all rules.

    A name is a rule's, which takes all evidence, or a rule's with judges after plus signs, which takes the
    verdicts and comparisons of these alone: `posterior+features`, `r2e-hybrid+none`.

    Raises:
        LabError: there is no such rule, or no issue has a verdict of such a judge.
    """
    known = {one.judge for issue in issues for one in issue.evidence.verdicts}
    known |= {one.judge for issue in issues for one in issue.evidence.comparisons}
    return [_entrant(name, known) for name in dict.fromkeys(names or RULES)]


def _entrant(name: str, known: Collection[str]) -> Entrant:
    head, *judges = name.split("+")
    try:
        choose = rule_named(head).choose
    except RuleError as error:
        raise LabError(str(error)) from error
    missing = sorted({judge for judge in judges if judge not in known} - {NOBODY})
    if missing:
        there = ", ".join(sorted(known)) or "no judge"
        raise LabError(f"{name}: no evidence of {missing[0]}; the evidence has {there}")
    if not judges:
        return Entrant(name, lambda issue: choose)
    return Entrant(name, lambda issue: _heard(choose, frozenset(judges)))


def _heard(choose: Choose, judges: Collection[str]) -> Choose:
    """Return a rule that hears some judges only."""

    def choose_by(evidence: Evidence) -> Selection:
        return choose(
            replace(
                evidence,
                verdicts=tuple(one for one in evidence.verdicts if one.judge in judges),
                comparisons=tuple(one for one in evidence.comparisons if one.judge in judges),
            )
        )

    return choose_by
