"""What drawing and refiners are told of a pool is what the rules hear."""

from __future__ import annotations

from runs.decision import decision_of
from runs.evidence import evidence_of
from runs.judging import chosen, judged
from runs.pool import Pool
from runs.recipe import Recipe
from runs.rounds import Left, next_step
from tests.selection.rules.made import CHANGED, crowd


def test_a_test_that_the_issue_changes_keeps_no_drawing_going():
    evidence = crowd(agreeing=5, others=2)
    found = judged(evidence, Pool(evidence.candidates), Recipe())
    standings = evidence_of(found, Left(1, 0, 1))
    assert {one.broken for one in standings.standings} == {0}
    assert next_step(standings, 0.95).purpose is None


def test_a_test_that_the_issue_changes_is_not_counted_among_those_that_guard():
    evidence = crowd(agreeing=2, others=2)
    decision = decision_of(evidence, chosen(evidence, Recipe()))
    assert (decision.guards, set(decision.excused)) == (1, {CHANGED.id})
