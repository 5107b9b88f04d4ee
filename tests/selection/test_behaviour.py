from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.outcomes import Outcome
from selection.behaviour import agreement, behaviours
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


WEIGHTS = {"a": ("1", 1.0), "b": ("2", 1.0), "c": ("3", 2.0)}


def test_who_comes_to_the_same_is_counted_by_weight():
    found = agreement({"x": {"1": "5", "2": "5", "3": "7"}}, WEIGHTS)
    assert found == pytest.approx({"a": 0.5, "b": 0.5, "c": 0.5})
    assert agreement({"x": {"1": "5", "2": "7", "3": "7"}}, WEIGHTS)["b"] == pytest.approx(0.75)


def test_inputs_that_part_nobody_or_are_unrun_tell_nothing():
    assert agreement({"x": {"1": "5", "2": "5", "3": "5"}, "y": {"1": "5"}, "z": {}}, WEIGHTS) == {}
    assert agreement({"x": {"1": "5", "2": "7"}}, WEIGHTS) == {"a": 0.5, "b": 0.5}
    assert agreement({"x": {"1": "5"}}, {}) == {}


@given(
    results=st.dictionaries(
        st.sampled_from("uvwx"), st.dictionaries(st.sampled_from("1234"), st.sampled_from("57")), max_size=4
    )
)
def test_inputs_that_part_alike_are_one_and_order_never_matters(results):
    found = agreement(results, WEIGHTS)
    assert all(0 <= share <= 1 for share in found.values())
    other = {"5": "one", "7": "two"}
    again = {f"again {name}": {id_: other[one] for id_, one in row.items()} for name, row in results.items()}
    assert agreement({**again, **results}, dict(reversed(WEIGHTS.items()))) == found
