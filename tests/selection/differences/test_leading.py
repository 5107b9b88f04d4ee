from __future__ import annotations

import pytest

from envs.outcomes import Outcome
from selection.candidate import Candidate
from selection.clusters import Clusters
from selection.differences.inputs import Difference, Seen
from selection.differences.leading import KEPT, disagreements, leading
from selection.evidence import Evidence
from selection.matrix import BASE, TestCase, TestMatrix
from selection.verdict import Ranked, Selection

ROWS = "abcd"


def evidence(passing=ROWS):
    """Programs a to d, and one test that some of them pass."""
    outcomes = {("t", row): Outcome.PASSED if row in passing else Outcome.FAILED for row in ROWS}
    matrix = TestMatrix(
        (TestCase("t", None, "t", ()),), (BASE, *ROWS), outcomes | {("t", BASE): Outcome.FAILED}
    )
    pool = tuple(Candidate(f"of {row}", row) for row in ROWS)
    return Evidence(
        "i", candidates=pool, clusters=Clusters({row: (f"of {row}",) for row in ROWS}), matrix=matrix
    )


def chosen(order=ROWS, winner=None):
    ranking = tuple(Ranked(f"of {row}", row, 0.0, ()) for row in order)
    return Selection("r", (Ranked("blank", "", 0.0, ()), *ranking), winner, "")


@pytest.mark.parametrize(
    ("passing", "winner", "most", "found"),
    [
        (ROWS, None, 9, "dcba"),
        (ROWS, "of b", 3, "bdc"),
        (ROWS, "of b", 1, ""),
        (ROWS, "of b", 0, ""),
        ("ac", "of c", 9, "ca"),
        ("ac", None, 9, "db"),
        ("a", "of a", 9, ""),
    ],
)
def test_the_leading_are_those_that_no_test_tells_from_the_best(passing, winner, most, found):
    assert leading(evidence(passing), chosen("dcba", winner), most) == tuple(found)


def test_without_candidates_nobody_leads():
    assert leading(Evidence("i"), Selection("r", (), None, ""), 3) == ()
    assert leading(evidence(), Selection("r", (), None, ""), 3) == ()


def difference(label, base="0", varied="", **values):
    """A program of one expression; a value of None is a run that raises before it."""
    seen = {
        row: Seen(ended="raises E: 'x'") if value is None else Seen(seen=((label, value),), ended="ended")
        for row, value in {BASE: base, **values}.items()
    }
    return Difference(source=label, origin="the issue", varied=varied, results=seen)


def test_each_input_is_told_once_and_new_ways_to_part_come_first():
    found = disagreements(
        [
            difference("f(1)", a="1", b="2", c="2"),
            difference("f(2)", varied="1 -> 2", a="1", b="1", c="1"),
            difference("f(1)", varied="5 -> 6", a="7", b="8", c="8"),
            difference("f(3)", varied="1 -> 3", a="3", b="4", c="4"),
            difference("f(None)", varied="1 -> None", a=None, b="1", c="2"),
            difference("f(4)", varied="1 -> 4", base=None, a="1", b="1"),
            difference("f(5)", varied="1 -> 5", base=None, a="1", b=None, c="1"),
        ],
        "abc",
    )
    assert [one.input for one in found] == ["f(1)", "f(5)", "f(None)", "f(3)"]
    assert found[0].values == {"a": "1", "b": "2", "c": "2"}
    assert (found[1].base, found[1].values["b"]) == ("raises E: 'x'", "raises E: 'x'")
    assert found[1].where == "the issue, with 5 in place of 1"
    many = [difference(f"f({number})", a="1", b="2") for number in range(30)]
    assert len(disagreements(many, "ab")) == KEPT


def test_programs_that_go_other_ways_or_end_otherwise_are_told_apart_too():
    ways = Difference(
        source="p",
        origin="t.py::test",
        varied="",
        results={
            BASE: Seen(seen=(("g()", "1"),), ended="ended"),
            "a": Seen(seen=(("g()", "1"), ("h()", "1")), ended="ended"),
            "b": Seen(seen=(("g()", "1"), ("k()", "1")), ended="ended"),
        },
    )
    (found,) = disagreements([ways], "ab")
    assert (found.input, found.base) == ("h()", "ended")
    assert found.values == {"a": "1", "b": "goes another way"}
    ends = Difference(
        source="p",
        origin="t.py::test",
        varied="",
        results={BASE: Seen(ended="ended"), "a": Seen(ended="ended"), "b": Seen(ended="runs out of time")},
    )
    (found,) = disagreements([ends], "ab")
    assert (found.input, found.values["b"]) == ("t.py::test", "runs out of time")
