"""Exact chances: small cases by hand, and against every subset there is."""

from __future__ import annotations

from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selection.lab.chances import best_at, pass_at, ranked_best_at
from selection.lab.subsets import subsets


@pytest.mark.parametrize(
    ("n", "right", "k", "chance"),
    [
        (4, 1, 1, 0.25),
        (4, 1, 2, 0.5),
        (4, 2, 2, 1 - 1 / 6),
        (4, 0, 3, 0.0),
        (4, 4, 1, 1.0),
        (3, 1, 9, 1.0),
        (0, 0, 2, 0.0),
    ],
)
def test_pass_at_k_is_the_unbiased_estimator(n, right, k, chance):
    assert pass_at(n, right, k) == pytest.approx(chance)


def test_best_at_k_of_a_total_order_is_the_sum_over_ranks():
    # ranks 1, 2, 3 are wrong, right, wrong: the best of two is rank 1 in two of three pairs
    assert ranked_best_at([[False], [True], [False]], 2) == pytest.approx(1 / 3)
    assert ranked_best_at([[True], [False], [False]], 2) == pytest.approx(2 / 3)
    assert ranked_best_at([[False], [True], [False]], 3) == 0.0


def test_equals_are_averaged():
    assert ranked_best_at([[True, False], [False]], 3) == pytest.approx(0.5)
    assert best_at({"a": 0.5, "b": 0.5}, {"a": True, "b": False}, 2) == pytest.approx(0.5)


def test_who_has_no_score_stands_behind_all_that_have_one():
    assert best_at({"a": 0.0, "b": None}, {"a": False, "b": True, "c": True}, 3) == 0.0
    assert best_at({}, {"a": True, "b": False}, 1) == pytest.approx(0.5)


groups = st.lists(st.lists(st.booleans(), min_size=1, max_size=3), min_size=1, max_size=4)


@given(groups, st.integers(1, 12))
def test_the_formula_is_the_mean_over_all_subsets(places, k):
    flat = [(place, right) for place, group in enumerate(places) for right in group]
    k = min(k, len(flat))
    found = []
    for some in combinations(range(len(flat)), k):
        best = min(flat[at][0] for at in some)
        equal = [flat[at][1] for at in some if flat[at][0] == best]
        found.append(sum(equal) / len(equal))
    assert ranked_best_at(places, k) == pytest.approx(sum(found) / len(found))


@given(groups, st.integers(1, 12))
def test_no_ranking_is_better_than_a_perfect_choice(places, k):
    flat = [right for group in places for right in group]
    assert ranked_best_at(places, k) <= pass_at(len(flat), sum(flat), k) + 1e-9
    assert ranked_best_at([flat], k) == pytest.approx(pass_at(len(flat), sum(flat), 1))
    assert ranked_best_at(places, len(flat)) == pytest.approx(sum(places[0]) / len(places[0]))


@given(st.integers(0, 8), st.integers(1, 9), st.integers(1, 40))
def test_few_subsets_are_all_of_them_once(n, k, samples):
    ids = [f"c{number}" for number in range(n)]
    found = subsets(ids, k, samples, seed=1)
    every = list(combinations(ids, min(k, n))) if n else []
    assert len(found) <= max(samples, 0)
    assert all(len(set(one)) == min(k, n) and set(one) <= set(ids) for one in found)
    if len(every) <= samples:
        assert sorted(found) == sorted(every)


def test_a_draw_depends_on_the_seed_and_not_on_the_order():
    ids = [f"c{number}" for number in range(14)]
    first = subsets(ids, 5, 50, seed=3)
    assert subsets(ids[::-1], 5, 50, seed=3) == first
    assert subsets(ids, 5, 50, seed=4) != first


@settings(max_examples=10)
@given(st.lists(st.booleans(), min_size=13, max_size=13), st.integers(0, 3))
def test_subsampling_agrees_with_the_formula_within_its_error(right, seed):
    """Invariant 14 of the published systems' list: four standard errors of 500 draws are 0.09."""
    resolved = {f"c{number:02}": one for number, one in enumerate(right)}
    scores = {id_: float(at // 2) for at, id_ in enumerate(sorted(resolved))}
    drawn = subsets(list(resolved), 4, 500, seed)
    picks = []
    for some in drawn:
        best = max(scores[id_] for id_ in some)
        equal = [resolved[id_] for id_ in some if scores[id_] == best]
        picks.append(sum(equal) / len(equal))
    assert len(drawn) == 500
    assert sum(picks) / len(picks) == pytest.approx(best_at(scores, resolved, 4), abs=0.09)


def test_every_ranking_of_four_at_every_k():
    for right, k in product(product([False, True], repeat=4), range(1, 5)):
        total = ranked_best_at([[one] for one in right], k)
        by_hand = [right[min(some)] for some in combinations(range(4), k)]
        assert total == pytest.approx(sum(by_hand) / len(by_hand))
