"""Prices beside points, and plots that any viewer can show."""

from __future__ import annotations

from dataclasses import replace
from xml.etree.ElementTree import fromstring

import pytest

from envs.outcomes import Outcome
from selection.candidate import TestFile
from selection.lab import EVERYTHING, Plan, figures_of, play
from selection.lab.costs import control, dollars_at, spent
from selection.lab.plots import write_plots
from selection.lab.sources import judges
from selection.matrix import BASE, TestCase, TestMatrix
from tests.selection.lab.made import by_score, entrant, issue_of

SVG = "{http://www.w3.org/2000/svg}"


def priced(issue, dollars, judging=0.0):
    return replace(issue, costs=dict.fromkeys(issue.ids, dollars), judging=judging)


def measured(issues, ks=(1, 2)):
    plan, playing = Plan(ks, samples=100), [entrant(by_score, "<reader> & co")]
    return figures_of(play(issues, playing, plan), playing, plan)


def test_k_candidates_cost_k_times_one_and_their_part_of_the_judging():
    issue = priced(issue_of([True, False], scores=[0.9, 0.1]), 0.5, judging=0.2)
    assert dollars_at([issue], 1) == pytest.approx(0.6)
    assert dollars_at([issue], 2) == pytest.approx(1.2)
    assert dollars_at([issue], 9) == pytest.approx(1.2)
    one, two = spent([issue], measured([issue]))
    assert one.a_resolved == pytest.approx(1.2)
    assert one.a_point is None
    assert two.a_resolved == pytest.approx(1.2)
    assert two.a_point == pytest.approx(0.6 / 50)


def test_without_known_costs_nothing_is_said_of_them():
    issue = issue_of([True, False], scores=[0.9, 0.1])
    assert spent([issue], measured([issue])) == []


def test_the_control_is_a_single_trajectory_at_the_same_price():
    issue = priced(issue_of([True, False], scores=[0.9, 0.1]), 1.0)
    found = control([priced(issue_of([True, False]), 1.5)], [issue], measured([issue]))
    assert (found.dollars, found.resolved) == (1.5, 0.5)
    assert found.rules == {"<reader> & co": pytest.approx(0.75)}
    dear = control([priced(issue_of([True]), 9.0)], [issue], measured([issue]))
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
    written = write_plots(tmp_path / "plots", found, judges([issue], (1, 2)), [issue])
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
