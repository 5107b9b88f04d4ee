"""What numbers are worth: areas, calibration errors and intervals, by hand and by definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selection.lab.calibration import Said, auc, reliability
from selection.lab.intervals import Estimate, estimate
from selection.lab.sources import judges, rules
from tests.selection.lab.made import JUDGE, by_score, entrant, issue_of


def said(*pairs):
    return [Said(probability, float(right)) for probability, right in pairs]


@pytest.mark.parametrize(
    ("pairs", "area"),
    [
        ([(0.9, True), (0.1, False)], 1.0),
        ([(0.1, True), (0.9, False)], 0.0),
        ([(0.5, True), (0.5, False)], 0.5),
        ([(0.9, True), (0.5, True), (0.5, False), (0.1, False)], 0.875),
        ([(0.9, True)], None),
        ([], None),
    ],
)
def test_the_area_is_the_share_of_pairs_in_order(pairs, area):
    assert auc(said(*pairs)) == (area if area is None else pytest.approx(area))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.booleans()), max_size=12))
def test_the_area_is_that_of_counting_all_pairs(pairs):
    right = [number for number, one in pairs if one]
    wrong = [number for number, one in pairs if not one]
    won = sum((a > b) + (a == b) / 2 for a in right for b in wrong)
    found = auc(said(*pairs))
    assert found == (pytest.approx(won / (len(right) * len(wrong))) if right and wrong else None)


def test_what_says_eighty_percent_and_is_right_eight_times_in_ten_has_no_error():
    perfect = reliability([said(*[(0.8, at < 8) for at in range(10)])])
    assert perfect is not None
    assert perfect.error == pytest.approx(0.0)
    assert perfect.brier == pytest.approx(0.16)
    boasting = reliability([said(*[(1.0, at < 8) for at in range(10)])])
    assert boasting is not None
    assert boasting.error == pytest.approx(0.2)
    assert [one.count for one in boasting.bins] == [10]


def test_within_an_issue_is_another_thing_than_across():
    # each issue has its own level: across issues the order is lost, within them it is perfect
    easy = said((0.9, True), (0.8, False))
    hard = said((0.2, True), (0.1, False))
    found = reliability([easy, hard])
    assert found is not None
    assert found.within == 1.0
    assert found.auc == pytest.approx(0.75)
    assert reliability([[], []]) is None


def test_an_interval_holds_its_figure_and_shrinks_to_it_where_all_agree():
    mixed = estimate([0.0, 1.0] * 20, lambda some: sum(some) / len(some), seed=1)
    assert mixed.low < mixed.value < mixed.high
    assert estimate([1.0] * 5, lambda some: sum(some) / len(some), seed=1) == Estimate(1.0, 1.0, 1.0)
    assert estimate([1.0], lambda some: 1.0, seed=1) == Estimate(1.0)
    assert estimate([1.0, 2.0], lambda some: None, seed=1) == Estimate(None)


def test_judges_are_measured_on_all_candidates_and_ranked_exactly():
    issues = [issue_of([True, False], scores=[0.9, 0.1]), issue_of([True, False], scores=[0.2, None])]
    (found,) = judges(issues, (1, 2))
    assert found.name == JUDGE
    assert found.reliability.count == 3
    assert found.reliability.auc == pytest.approx(1.0)
    assert found.best == pytest.approx((0.5, 1.0))


def test_a_rule_that_gives_probabilities_is_measured_by_its_picks():
    issues = [issue_of([True, False], scores=[0.9, 0.1])]
    (found,) = rules(issues, [entrant(by_score, "reader")])
    assert found.name == "reader: pick"
    assert found.reliability.error == pytest.approx(0.1)
    assert rules([issue_of([True])], [entrant(by_score)]) == []
