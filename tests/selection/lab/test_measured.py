from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from selection.lab.measured import measured
from tests.selection.lab.made import issue_of, labelled


def with_facts(issue, **facts):
    known = {id_: {"faulty": value} for id_, value in facts.items()}
    return replace(issue, evidence=issue.evidence.with_facts(known))


def test_a_feature_is_told_of_right_and_wrong_and_within_its_issues():
    issues = [
        with_facts(issue_of([True, False, False], task="a"), c0=0.0, c1=1.0, c2=0.0),
        with_facts(issue_of([True, False], task="b"), c0=0.0, c1=0.0),
        with_facts(issue_of([False, False], task="c"), c0=1.0),
    ]
    (found,) = (one for one in measured(issues) if one.name == "faulty")
    assert (found.right, found.wrong) == (2, 4)
    assert (found.mean_right, found.mean_wrong) == (0.0, 0.5)
    assert found.apart == 1
    assert found.within == pytest.approx((0.25 + 0.5) / 2)
    assert all(one.name != "submitted" for one in measured(issues))


@given(labelled())
def test_what_ranks_backwards_loses_what_it_would_win(issue):
    worth = {id_: float(right) for id_, right in issue.resolved.items()}
    ways = [
        with_facts(issue, **worth),
        with_facts(issue, **{id_: 1 - value for id_, value in worth.items()}),
    ]
    forward, backward = (next(one for one in measured([way]) if one.name == "faulty") for way in ways)
    assert (forward.within, backward.within) == ((1.0, 0.0) if issue.mixed else (None, None))
    assert forward.right + forward.wrong == len(issue.resolved)
