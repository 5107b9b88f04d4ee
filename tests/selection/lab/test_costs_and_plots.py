"""Prices beside points, and plots that any viewer can show."""

from __future__ import annotations

from dataclasses import replace
from xml.etree.ElementTree import fromstring

import pytest

from envs.outcomes import Outcome
from selection.candidate import TestFile
from selection.evidence import Comparison
from selection.feature_verifier import JUDGE as FEATURES
from selection.lab import EVERYTHING, Plan, figures_of, play
from selection.lab.costs import control, dollars_at, spent
from selection.lab.entrants import entrants
from selection.lab.fits import Shipped
from selection.lab.plots import write_plots
from selection.lab.sources import judges
from selection.matrix import BASE, TestCase, TestMatrix
from selection.rules.hearing import everybody
from selection.verdict import Verdict
from tests.selection.lab.made import JUDGE, by_score, entrant, issue_of

SVG = "{http://www.w3.org/2000/svg}"
PLAYING = [entrant(by_score, "<reader> & co")]


def priced(issue, dollars, **paid):
    return replace(issue, costs=dict.fromkeys(issue.ids, dollars), **paid)


def measured(issues, ks=(1, 2)):
    plan = Plan(ks, samples=100)
    return figures_of(play(issues, PLAYING, plan), PLAYING, plan)


def test_k_candidates_cost_k_times_one_and_their_part_of_the_judging():
    issue = priced(issue_of([True, False], scores=[0.9, 0.1]), 0.5, judging={JUDGE: 0.2})
    assert dollars_at([issue], 1, everybody) == pytest.approx(0.6)
    assert dollars_at([issue], 2, everybody) == pytest.approx(1.2)
    assert dollars_at([issue], 9, everybody) == pytest.approx(1.2)
    assert dollars_at([issue], 2) == pytest.approx(1.0)
    one, two = spent([issue], measured([issue]), PLAYING)
    assert one.a_resolved == pytest.approx(1.2)
    assert one.a_point is None
    assert two.a_resolved == pytest.approx(1.2)
    assert two.a_point == pytest.approx(0.7 / 50)


def test_a_gain_of_rounding_alone_has_no_price():
    """The mean of five picks among equals is a last digit above pass@1, which is no gain."""
    issues = [
        priced(issue_of([True, *[False] * 4], scores=[0.5] * 5, task=task), 1.0, judging={JUDGE: 1.0})
        for task in "ab"
    ]
    found = measured(issues, (1, 2, EVERYTHING))
    assert any(at.best.value > share for at, share in zip(found.rules[0].at, found.lines.any, strict=True))
    assert [one.a_point for one in spent(issues, found, PLAYING)] == [None, None, None]


def test_context_and_testers_are_paid_once():
    issue = priced(with_test([True, False], by="sample 7"), 1.0, testers={"sample 7": 0.5}, context=3.0)
    assert dollars_at([issue], 1) == pytest.approx(4.0)
    assert dollars_at([issue], 2) == pytest.approx(5.0)
    assert dollars_at([issue], 2, everybody) == pytest.approx(5.5)


def test_replies_of_readers_without_a_name_are_paid_by_who_hears_a_reader():
    """Testers and the feature verifier are none."""
    issue = priced(with_test([True, False], by="sample 7"), 0.0, testers={"sample 7": 0.5}, judging={"": 9.0})
    assert dollars_at([issue], 2, everybody) == pytest.approx(0.5)
    assert dollars_at([issue], 2, lambda evidence: frozenset({FEATURES})) == 0.0
    assert dollars_at([issue], 2, lambda evidence: frozenset({"verifier:patch"})) == pytest.approx(9.0)


def with_test(right, by):
    """Return an issue with a test of somebody who brings no candidate."""
    issue = issue_of(right)
    test = TestCase("x:t", TestFile("t.py", "", by), "t", (by,))
    return replace(issue, evidence=replace(issue.evidence, matrix=TestMatrix((test,), ("p0", "p1"))))


@pytest.mark.parametrize(
    ("rule", "dollars"),
    [
        ("random", 0),
        ("majority-patch", 0),
        ("codemonkeys-vote", 1000),
        ("codemonkeys", 10),  # tests for differences have no vote with it
        ("agentless", 1000),
        ("r2e-execution", 1000),
        ("r2e-execution-free", 1),
        ("r2e-hybrid", 1001),
        ("swe-gym", 1),
        ("trae", 100),
        ("vote", 1000),
        ("posterior", 1113),
        ("posterior-execution", 1113),
        ("posterior+none", 1000),
        ("posterior+verifier:patch", 1002),
        ("r2e-hybrid+verifier:patch", 1002),
        ("random+verifier:patch", 0),
    ],
)
def test_a_rule_pays_for_what_it_hears(rule, dollars):
    issue = with_test([True, False], by="differences")
    ids = issue.ids
    verdicts = [Verdict(f"verifier:{view}", id_, 0.5, "") for view in ("digest", "patch") for id_ in ids]
    compared = tuple(Comparison(judge, ids, ids[0]) for judge in ("duel", "trae"))
    known = replace(issue.evidence, verdicts=tuple(verdicts), comparisons=compared)
    judging = {"verifier:digest": 1, "verifier:patch": 2, "duel": 10, "trae": 100, "differences": 1000}
    issue = priced(replace(issue, evidence=known), 0.0, judging=judging)
    (one,) = entrants([rule], [issue], Shipped())
    assert dollars_at([issue], 2, one.hears) == pytest.approx(dollars)
    unnamed = replace(issue, judging={"": 5.0})
    assert dollars_at([unnamed], 2, one.hears) == (5.0 if dollars else 0.0)


def test_without_known_costs_of_every_issue_nothing_is_said_of_them():
    issue = issue_of([True, False], scores=[0.9, 0.1])
    assert spent([issue], measured([issue]), PLAYING) == []
    some = [issue, priced(issue, 1.0)]
    assert spent(some, measured(some), PLAYING) == []


def test_the_control_is_a_single_trajectory_at_the_same_price():
    issue = priced(issue_of([True, False], scores=[0.9, 0.1]), 1.0)
    single = priced(issue_of([True, False]), 1.5, judging={JUDGE: 7.0})
    found = control([single], [issue], measured([issue]), PLAYING)
    assert (found.dollars, found.resolved) == (1.5, 0.5)
    assert found.rules == {"<reader> & co": pytest.approx(0.75)}
    dear = control([priced(issue_of([True]), 9.0)], [issue], measured([issue]), PLAYING)
    assert dear.rules == {"<reader> & co": None}


def test_plots_are_well_formed_and_carry_everything_with_them(tmp_path):
    issue = issue_of([True, False, False], scores=[0.9, 0.4, 0.1], programs=[0, 1, 1], task="a <b> & c")
    tests = (
        TestCase("t.py::old", None, "t.py::old"),
        TestCase("x:t.py::new", TestFile("t.py", "", "c0"), "t.py::new", ("c0",)),
        TestCase("t.py::same", None, "t.py::same"),
    )
    outcomes = {(test.id, row): Outcome.PASSED for test in tests for row in (BASE, "p0", "p1")}
    outcomes |= {("x:t.py::new", BASE): Outcome.FAILED, ("t.py::old", "p1"): Outcome.TIMED_OUT}
    matrix = TestMatrix(tests, ("p0", "p1"), outcomes)
    issue = replace(issue, evidence=replace(issue.evidence, matrix=matrix))
    found = measured([issue], ks=(1, 2, EVERYTHING))
    written = write_plots(tmp_path / "plots", found, judges([issue], Shipped(), (1, 2)), [issue])
    assert sorted(path.name for path in written) == [
        "best-at-k-mixed.svg",
        "best-at-k.svg",
        "matrix-a-b-c.svg",
        "reliability.svg",
    ]
    for path in written:
        text = path.read_text()
        root = fromstring(text)
        assert root.tag == f"{SVG}svg"
        assert "href" not in text
        assert "<script" not in text
    drawn = fromstring((tmp_path / "plots" / "matrix-a-b-c.svg").read_text())
    words = [one.text for one in drawn.iter(f"{SVG}text")]
    assert any("2 tests that tell, 1 the same everywhere" in (one or "") for one in words)
    told = [one.text for one in drawn.iter(f"{SVG}title")]
    assert "existing t.py::old: timed_out" in told
    curve = fromstring((tmp_path / "plots" / "best-at-k.svg").read_text())
    assert "<reader> & co, all: 100.0%" in [one.text for one in curve.iter(f"{SVG}title")]
