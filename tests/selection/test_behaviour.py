from __future__ import annotations

from envs.outcomes import Outcome
from selection.behaviour import behaviours
from selection.matrix import BASE, TestCase, TestMatrix

LETTERS = {"p": Outcome.PASSED, "f": Outcome.FAILED, "m": Outcome.MISSING}


def groups(**rows):
    """Return which rows are together, given each row's outcomes, a letter a test."""
    tests = tuple(TestCase(str(number), None, str(number)) for number in range(len(rows[BASE])))
    outcomes = {
        (test.id, row): LETTERS[letter]
        for row, letters in rows.items()
        for test, letter in zip(tests, letters, strict=True)
    }
    matrix = TestMatrix(tests, tuple(row for row in rows if row != BASE), outcomes)
    return sorted(behaviours(matrix).values())


def test_rows_that_do_the_same_are_together():
    assert groups(base="ff", a="pf", b="pf", c="fp") == [("a", "b"), ("c",)]


def test_a_test_that_does_the_same_everywhere_tells_nothing():
    assert groups(base="f", a="p", b="p") == [("a",), ("b",)]
    assert groups(base="ff", a="pp", b="pp", c="pf") == [("a", "b"), ("c",)]


def test_what_no_test_noticed_stays_by_itself():
    assert groups(base="f", a="f", b="f", c="p") == [("a",), ("b",), ("c",)]


def test_a_missing_report_is_no_behaviour():
    assert groups(base="ff", a="pm", b="pm", c="pf") == [("a",), ("b",), ("c",)]
