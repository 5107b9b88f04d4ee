"""What a rule comes to that picks only where it is sure."""

from __future__ import annotations

from hypothesis import given

from selection.lab.abstaining import THRESHOLDS, abstaining
from tests.selection.lab.made import by_score, entrant, issue_of, labelled

SURE = issue_of([True, False], scores=[0.85, 0.1])
DOUBTFUL = issue_of([False, True, True], scores=[0.45, 0.3, 0.2], programs=[0, 1, 1])
RULE = entrant(by_score)


def test_doubtful_picks_and_their_harm_go_first() -> None:
    found = {one.min_probability: one for one in abstaining([SURE, DOUBTFUL], [RULE])}
    everything, sure, nothing = found[0.0], found[0.5], found[0.9]
    assert (everything.answered, everything.right, everything.harm, everything.precision) == (
        1,
        0.5,
        0.5,
        0.5,
    )
    assert (sure.answered, sure.right, sure.harm, sure.precision) == (0.5, 0.5, 0.0, 1.0)
    assert (nothing.answered, nothing.precision) == (0.0, None)


def test_a_rule_without_probabilities_has_no_rows() -> None:
    assert not abstaining([issue_of([True, False], scores=[None, None])], [RULE])


@given(labelled())
def test_the_higher_the_threshold_the_fewer_the_picks(issue) -> None:
    found = abstaining([issue], [RULE])
    assert len(found) in (0, len(THRESHOLDS))
    for name in ("answered", "right", "harm"):
        values = [getattr(one, name) for one in found]
        assert values == sorted(values, reverse=True)
