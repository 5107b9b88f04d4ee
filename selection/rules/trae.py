"""Trae's selector: who breaks nothing, then the votes of agents that compare candidates in groups.

Trae Research Team 2025, "Trae Agent: An LLM-based Agent for Software Engineering with Test-time Scaling".
Unlike its code, winners of groups meet: who came further is before who did not, and of those that came as far
who lost fewer groups. A tie is lost by nobody, so that losses alone would not tell who went on.
"""

from __future__ import annotations

from collections import Counter

from selection.candidate import Candidate
from selection.evidence import Evidence
from selection.rules.stages import Stage, decide
from selection.rules.tallies import Tallies
from selection.verdict import Selection

NAME = "trae"
JUDGE = "trae"


def choose(evidence: Evidence) -> Selection:
    """Return the choice of judge `trae`'s comparisons among the candidates that break no existing test."""
    tallies = Tallies(evidence)
    lost, picks = _groups(evidence, tallies)
    rounds = _rounds(evidence, tallies)

    def clean(one: Candidate) -> int | None:
        broken = tallies.broken(one)
        return None if broken is None else int(broken == 0)

    def reached(one: Candidate) -> int | None:
        return rounds.get(tallies.cluster(one) or one.id)

    def groups_lost(one: Candidate) -> int | None:
        return lost.get(tallies.cluster(one) or one.id)

    def picked(one: Candidate) -> int:
        return picks[tallies.cluster(one) or one.id]

    further = (Stage("most", "rounds of groups", reached),) if lost and any(rounds.values()) else ()
    stages = (
        Stage("most", "test suites without a broken test", clean),
        *further,
        Stage("fewest", "lost comparisons", groups_lost),
        Stage("most", "picks", picked),
    )
    return decide(NAME, evidence, tallies, stages, "" if lost else "no agent that compared them picked one")


def _rounds(evidence: Evidence, tallies: Tallies) -> dict[str, int]:
    """Return the last round in which each program was shown beside another, whatever was said there."""
    rounds: dict[str, int] = {}
    for one in evidence.comparisons:
        shown = {tallies.cluster_of(id_) or id_ for id_ in one.shown}
        if one.judge == JUDGE and len(shown) > 1:
            rounds |= {program: max(one.round, rounds.get(program, 0)) for program in shown}
    return rounds


def _groups(evidence: Evidence, tallies: Tallies) -> tuple[dict[str, int], Counter[str]]:
    """Return how many groups each shown program lost, and how often it was picked in all."""
    groups: dict[frozenset[str], Counter[str]] = {}
    for one in evidence.comparisons:
        shown = frozenset(tallies.cluster_of(id_) or id_ for id_ in one.shown)
        if one.judge == JUDGE and one.picked and len(shown) > 1:
            groups.setdefault(shown, Counter())[tallies.cluster_of(one.picked) or one.picked] += 1
    lost: dict[str, int] = {}
    picks: Counter[str] = Counter()
    for shown, votes in groups.items():
        most = max(votes.values())
        for program in shown:
            lost[program] = lost.get(program, 0) + (votes[program] < most)
        picks.update(votes)
    return lost, picks
