"""What would be known had only some candidates been made."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from envs.outcomes import Outcome
from selection.candidate import TestFile
from selection.evidence import Comparison, Evidence
from selection.excused import excused_tests
from selection.matrix import BASE, generated_case
from selection.rules import RULES
from selection.verdict import Verdict
from tests.selection.rules.made import CHANGED, KEPT, crowd


def test_a_test_is_excused_where_enough_programs_break_it():
    whole = crowd(agreeing=2, others=3)
    ids = [one.id for one in whole.candidates]
    assert set(whole.only(ids[1:4]).excused) == {CHANGED.id}
    pair = whole.only(ids[1:3])
    assert pair.excused == {}
    assert RULES["vote"].choose(pair).winner is None  # as it is for two candidates alone
    assert RULES["vote"].choose(whole).winner is not None


def test_a_test_is_excused_where_all_of_those_that_are_left_break_it():
    """One program keeps it, so that with everybody it guards; without that one running excuses it."""
    whole = crowd(agreeing=1, others=3)
    *others, keeper = whole.candidates
    kept = {(CHANGED.id, whole.clusters.key_of(keeper.id)): Outcome.PASSED}
    matrix = replace(whole.matrix, outcomes={**whole.matrix.outcomes, **kept})
    known = replace(whole, matrix=matrix, excused=excused_tests(whole.clusters, matrix))
    assert known.excused == {}
    assert known.only([one.id for one in whole.candidates]).excused == {}
    part = known.only([one.id for one in others])
    assert part.excused == excused_tests(part.clusters, part.matrix)
    assert RULES["vote"].choose(part).winner == others[0].id


def test_a_judgement_that_was_not_made_by_running_holds_for_any_part():
    whole = crowd(agreeing=2, others=3)
    ids = [one.id for one in whole.candidates]
    known = replace(whole, excused={**whole.excused, KEPT.id: "the issue says so"})
    assert known.only(ids).excused == known.excused
    assert known.only(ids[:2]).excused == {KEPT.id: "the issue says so"}


def test_candidates_of_one_program_stand_for_each_other_in_comparisons():
    whole = crowd(agreeing=2, others=2)
    first, twin, other, last = (one.id for one in whole.candidates)
    seen = (
        Comparison("trae", (first, other), first, round=1),
        Comparison("trae", (other, first), ""),
        Comparison("trae", (first, last), last),
    )
    known = replace(whole, comparisons=seen)
    assert known.only([first, twin, other, last]).comparisons == seen
    assert known.only([twin, other]).comparisons == (
        Comparison("trae", (twin, other), twin, round=1),
        Comparison("trae", (other, twin), ""),
    )
    assert known.only([first, twin]).comparisons == ()


@pytest.mark.parametrize("order", list(permutations([0.1, 0.2, 0.3])))
def test_the_mean_of_readings_does_not_depend_on_their_order(order):
    whole = crowd(agreeing=1, others=2)
    first, second, _ = whole.candidates
    read = [Verdict("verifier:patch", second.id, score, "") for score in (0.1, 0.2, 0.3)]
    read += [Verdict("verifier:patch", first.id, score, "") for score in order]
    known = replace(whole, verdicts=tuple(read))
    assert len(set(known.scores("verifier:patch").values())) == 1
    assert len(RULES["swe-gym"].choose(known).tied) == 2


def asked(whole: Evidence, author: str) -> Evidence:
    """Return evidence with a test that was written to tell the first and the last candidate apart."""
    file = TestFile("tests/test_apart.py", "def test_apart(): ...\n", author)
    test = generated_case(file, "tests/test_apart.py::test_apart", (author,))
    outcomes = {(test.id, row): Outcome.PASSED for row in whole.matrix.rows} | {
        (test.id, BASE): Outcome.FAILED
    }
    matrix = replace(
        whole.matrix, tests=(*whole.matrix.tests, test), outcomes={**whole.matrix.outcomes, **outcomes}
    )
    shown = (whole.candidates[0].id, whole.candidates[-1].id)
    return replace(whole, matrix=matrix, comparisons=(Comparison("duel", shown, shown[0]),))


@pytest.mark.parametrize(("author", "with_both"), [("duel", 1), ("differences", 0), ("sample 9", 1)])
def test_tests_that_were_asked_for_to_tell_candidates_apart_go_with_them(author, with_both):
    whole = asked(crowd(agreeing=1, others=2), author)
    first, second, last = (one.id for one in whole.candidates)

    def apart(evidence):
        return sum(test.target == "tests/test_apart.py::test_apart" for test in evidence.matrix.tests)

    assert apart(whole.only([first, second, last])) == 1
    assert apart(whole.only([first, last])) == with_both
    assert apart(whole.only([first, second])) == (author == "sample 9")
