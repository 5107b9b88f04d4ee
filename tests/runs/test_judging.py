"""What drawing and refiners are told of a pool is what the rules hear."""

from __future__ import annotations

from envs.outcomes import Outcome
from runs.decision import decision_of
from runs.evidence import evidence_of
from runs.judging import chosen, judged
from runs.pool import Pool
from runs.recipe import Recipe
from runs.rounds import Left, next_step
from selection.candidate import TestFile
from selection.evidence import Evidence
from selection.excused import excused_tests
from selection.matrix import BASE, TestCase, TestMatrix, generated_case
from tests.selection.rules.made import candidate_of, gathered, patch_of

KEPT = TestCase("tests/test_old.py::test_same", None, "tests/test_old.py::test_same")
CHANGED = TestCase("tests/test_old.py::test_changed", None, "tests/test_old.py::test_changed")
SHOWS = generated_case(
    TestFile("tests/test_new.py", "def test_new(): ...\n", "x"), "tests/test_new.py::test_new", ("t",)
)


def crowd(agreeing: int, others: int) -> Evidence:
    """Return candidates of which some make one program that passes the issue's test; all break an old one."""
    numbers = [0] * agreeing + list(range(1, others + 1))
    pool = tuple(candidate_of(patch_of(number), f"sample {place}") for place, number in enumerate(numbers))
    clusters = gathered(list(pool), {one.id: number for one, number in zip(pool, numbers, strict=True)})
    lead = clusters.key_of(pool[0].id)
    rows = tuple(clusters.members)
    outcomes = {
        (KEPT.id, BASE): Outcome.PASSED,
        (CHANGED.id, BASE): Outcome.PASSED,
        (SHOWS.id, BASE): Outcome.FAILED,
    }
    for row in rows:
        outcomes[KEPT.id, row] = Outcome.PASSED
        outcomes[CHANGED.id, row] = Outcome.FAILED
        outcomes[SHOWS.id, row] = Outcome.PASSED if row == lead else Outcome.FAILED
    matrix = TestMatrix((KEPT, CHANGED, SHOWS), rows, outcomes)
    excused = excused_tests(clusters, matrix)
    assert set(excused) == {CHANGED.id}
    return Evidence("t", candidates=pool, clusters=clusters, matrix=matrix, excused=excused)


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
