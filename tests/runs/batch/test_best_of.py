"""The curve of best@k: drawn where something is known, and said not to be where nothing is."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.batch.outcome import Outcome, Status
from runs.decision import Decision, Line
from runs.page.best import Curves, best_of, estimated, graded

CHANCES = st.lists(st.floats(0, 1), min_size=1, max_size=7)


def decision(*clusters, winner="0", probabilities=None, changed=None):
    lines = tuple(
        Line(candidate=str(n), origin=f"sample {n}", cluster=one, changed_lines=(changed or {}).get(n, 1))
        for n, one in enumerate(clusters)
    )
    return Decision(
        rule="r",
        reason="",
        winner=winner,
        patch="",
        probability=None,
        columns=(),
        lines=lines,
        guards=0,
        probabilities=probabilities or {},
    )


def outcome(status, *, is_graded=True):
    return Outcome(instance_id="a", status=status, graded=is_graded)


@given(CHANCES, st.integers(1, 9))
def test_the_best_of_k_is_the_mean_over_all_draws(chances, k):
    draws = list(itertools.combinations(chances, min(k, len(chances))))
    assert best_of(chances, k) == pytest.approx(sum(map(max, draws)) / len(draws))


@given(CHANCES)
def test_more_candidates_are_never_worse(chances):
    curve = [best_of(chances, k) for k in range(1, len(chances) + 1)]
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(curve))
    assert curve[-1] == pytest.approx(max(chances))


def test_no_candidate_resolves_nothing():
    assert best_of([], 3) == 0.0


def test_grades_say_all_only_where_every_candidate_is_the_winners_program_or_none():
    resolved = outcome(Status.RESOLVED)
    assert graded(decision("p", "p"), resolved) == [1.0, 1.0]
    assert graded(decision("p", "p", "", changed={2: 0}), resolved) == [1.0, 1.0, 0.0]
    assert graded(decision("p", "q"), resolved) is None
    assert graded(decision("p", "p"), outcome(Status.SELECTED, is_graded=False)) is None
    assert graded(decision("p", winner=None), outcome(Status.ABSTAINED)) is None
    assert graded(decision(winner=None), outcome(Status.ABSTAINED)) == []


def test_estimates_are_the_rules_probabilities_and_nothing_else():
    assert estimated(decision("p", "q", "p", probabilities={"p": 0.7, "q": 0.2})) == [0.7, 0.2, 0.7]
    assert estimated(decision("p", "q")) is None
    assert estimated(None) is None


def test_a_curve_is_drawn_only_where_it_is_known_of_every_issue():
    curves = Curves()
    curves.add(decision("p", "q", probabilities={"p": 0.8, "q": 0.4}), outcome(Status.RESOLVED))
    html = curves.shown()
    assert "60.0%" in html
    assert "80.0%" in html
    assert "which is no verdict" in html
    assert "of 0 of 1 issues" in html
    curves.add(decision("p", "p"), outcome(Status.UNRESOLVED))
    html = curves.shown()
    assert "polyline" not in html
    assert "the rule gives one in 1 of 2 issues" in html
    assert "of 1 of 2 issues" in html
    curves.add(None, Outcome(instance_id="b", status=Status.INFRASTRUCTURE))
    assert curves.issues == 2
