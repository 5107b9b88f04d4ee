"""The duel of CodeMonkeys: whom it is between, and that what it writes changes nothing of that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selection.differences.asked import AUTHOR
from selection.duel.match import JUDGE
from selection.evidence import SEPARATING, Comparison, Evidence
from selection.rules import RULES
from selection.rules.codemonkeys import finalists
from tests.selection.rules.made import candidate_of, gathered, patch_of, scripts_passed

RULE = RULES["codemonkeys"]


def fought(known: Evidence, shown: tuple[str, ...], picked: str) -> Evidence:
    """Return the evidence with the duel of some candidates, in both orders."""
    duel = (Comparison(JUDGE, shown, picked), Comparison(JUDGE, shown[::-1], picked))
    return replace(known, comparisons=duel)


def with_tests_for(known: Evidence, id_: str, authors: tuple[str, ...]) -> Evidence:
    """Return the evidence with two more test files, which one program alone passes."""
    row, matrix = known.clusters.key_of(id_), known.matrix
    more = scripts_passed(known.clusters, {row: 2}, authors)
    return replace(
        known,
        matrix=replace(
            matrix, tests=(*matrix.tests, *more.tests), outcomes={**matrix.outcomes, **more.outcomes}
        ),
    )


@pytest.fixture
def issue():
    """Four programs; the first passes three scripts, each other one fewer."""
    pool = [candidate_of(patch_of(number), f"sample {number}") for number in range(4)]
    clusters = gathered(pool, {one.id: number for number, one in enumerate(pool)})
    passed = {clusters.key_of(one.id): 3 - number for number, one in enumerate(pool)}
    matrix = scripts_passed(clusters, passed, ("x",))
    return Evidence("t", candidates=tuple(pool), clusters=clusters, matrix=matrix)


def ids(known: Evidence, *places: int) -> tuple[str, ...]:
    return tuple(known.candidates[place].id for place in places)


def test_the_finalists_are_the_three_programs_with_most_votes(issue):
    assert finalists(issue) == ids(issue, 0, 1, 2)
    assert RULE.finalists is finalists


def test_the_duel_of_the_finalists_decides_and_that_of_others_does_not(issue):
    right = RULE.choose(fought(issue, ids(issue, 0, 1, 2), issue.candidates[2].id))
    assert right.winner == issue.candidates[2].id
    wrong = RULE.choose(fought(issue, ids(issue, 1, 2, 3), issue.candidates[2].id))
    assert wrong.winner == issue.candidates[0].id
    assert "no duel picked one of the first three" in wrong.reason


@pytest.mark.parametrize("author", [JUDGE, AUTHOR])
def test_tests_that_were_asked_for_change_no_finalist(issue, author):
    assert author in SEPARATING
    known = fought(issue, ids(issue, 0, 1, 2), issue.candidates[2].id)
    after = with_tests_for(known, known.candidates[3].id, (author,))
    assert finalists(after) == ids(issue, 0, 1, 2)
    assert RULE.choose(after).winner == issue.candidates[2].id


def test_a_test_that_a_candidate_wrote_too_has_that_ones_vote_alone(issue):
    both = with_tests_for(issue, issue.candidates[3].id, (JUDGE, "y"))
    assert finalists(both)[0] == issue.candidates[0].id
    assert set(finalists(both)) == set(ids(issue, 0, 1, 3))
