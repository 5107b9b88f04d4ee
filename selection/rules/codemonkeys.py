"""CodeMonkeys' two rules: votes of all generated test scripts, and a duel of the three with most votes.

Ehrlich et al. 2025, "CodeMonkeys: Scaling Test-Time Compute for Software Engineering", section 4 and its
code: a script votes for every patch with which it exits with 0, also where it does so on the base, and
identical scripts vote several times; of equals the shortest patch wins. The duel is judge `duel` of the
evidence.

Unlike their code, which merges patches that are equal byte for byte, candidates of one program are one: the
three with most votes are three different programs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from selection.candidate import Candidate
from selection.evidence import SEPARATING, Evidence
from selection.rules.stages import Stage, decide, standing
from selection.rules.tallies import Tallies
from selection.verdict import Selection

VOTE = "codemonkeys-vote"
NAME = "codemonkeys"
JUDGE = "duel"
FINALISTS = 3


def choose_by_votes(evidence: Evidence) -> Selection:
    """Return the choice by votes alone."""
    tallies = Tallies(evidence)
    return decide(VOTE, evidence, tallies, _votes(tallies))


def choose(evidence: Evidence) -> Selection:
    """Return the choice of the duel among the three programs with most votes; without one, that by votes.

    Tests that were asked for to tell candidates apart have no vote.
    """
    tallies = Tallies(evidence.without_tests_of(SEPARATING))
    top = {tallies.cluster_of(id_) or id_ for id_ in finalists(evidence)}
    picks = _picks(evidence, tallies, top)
    if not picks:
        note = "" if len(top) < 2 else "no duel picked one of the first three, so the votes decide"
        return decide(NAME, evidence, tallies, _votes(tallies), note)

    def place(one: Candidate) -> int:
        return int(_program(one, tallies) in top)

    def picked(one: Candidate) -> int:
        return picks[_program(one, tallies)]

    stages = (
        Stage("most", "places among the first three", place),
        Stage("most", "picks in the duel", picked),
    )
    return decide(NAME, evidence, tallies, (*stages, *_votes(tallies)))


def finalists(evidence: Evidence) -> tuple[str, ...]:
    """Return whom the duel is between: a candidate of each of the three programs with most votes."""
    first: dict[str, str] = {}
    able = standing(evidence)
    for one in choose_by_votes(evidence.without_tests_of(SEPARATING)).ranking:
        if one.candidate in able:
            first.setdefault(one.cluster or one.candidate, one.candidate)
    return tuple(first.values())[:FINALISTS]


def _votes(tallies: Tallies) -> tuple[Stage, Stage]:
    return (
        Stage("most", "votes of generated scripts", tallies.passed_scripts),
        Stage("fewest", "characters", lambda one: len(one.patch)),
    )


def _picks(evidence: Evidence, tallies: Tallies, top: set[str]) -> Mapping[str, int]:
    """Return how often each program was picked by duels that saw none but the first three."""
    picks: Counter[str] = Counter()
    for duel in evidence.comparisons:
        shown = {tallies.cluster_of(id_) or id_ for id_ in duel.shown}
        if duel.judge == JUDGE and duel.picked and len(shown) > 1 and shown <= top:
            picks[tallies.cluster_of(duel.picked) or duel.picked] += 1
    return picks


def _program(one: Candidate, tallies: Tallies) -> str:
    return tallies.cluster(one) or one.id
