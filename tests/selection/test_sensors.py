from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.outcomes import Outcome
from selection.candidate import TestFile
from selection.clusters import Clusters
from selection.matrix import BASE, TestCase, TestMatrix
from selection.sensors import Rates, Sensor, evidence_of, learned, log_odds, sensors_of

RATES = Rates(right=0.8, wrong=0.4, own=0.9, worth=4.0)
ROWS = ("a", "b", "c")


def matrix_of(**passes):
    """Return a matrix of generated tests that fail on the base; each names the rows it passes."""
    tests = tuple(
        TestCase(name, TestFile(f"test_{name}.py", name, "1"), name, ("1",) if name == "own" else ())
        for name in passes
    )
    outcomes = {
        (name, row): Outcome.PASSED if row in rows else Outcome.FAILED
        for name, rows in passes.items()
        for row in ROWS
    } | {(name, BASE): Outcome.FAILED for name in passes}
    return TestMatrix(tests, ROWS, outcomes)


def test_equal_tests_are_one_sensor_and_constant_ones_none():
    clusters = Clusters({"a": ("1",), "b": ("2",), "c": ("3",)})
    found = sensors_of(clusters, matrix_of(x="a", y="a", all="abc", nobody="", own="bc"))
    assert [(sensor.tests, sensor.passes, sensor.own) for sensor in found] == [
        (("own",), {"b", "c"}, {"a"}),
        (("x", "y"), {"a"}, frozenset()),
    ]


def test_a_test_that_fails_who_is_believed_right_loses_its_voice():
    sensor = Sensor("reproduction", ("x",), frozenset("c"), frozenset())
    fooled = learned(sensor, RATES, {"a": 0.95, "b": 0.95, "c": 0.05})
    trusted = learned(sensor, RATES, {"a": 0.05, "b": 0.05, "c": 0.95})
    assert log_odds(sensor, fooled, "c") < log_odds(sensor, RATES, "c") < log_odds(sensor, trusted, "c")
    assert log_odds(sensor, trusted, "a") < 0


def test_ones_own_test_says_little_for_ones_own_patch():
    sensor = Sensor("reproduction", ("x",), frozenset("ab"), frozenset("a"))
    assert log_odds(sensor, RATES, "a") == 0
    assert log_odds(sensor, RATES, "b") > 0
    failing = Sensor("reproduction", ("x",), frozenset("b"), frozenset("a"))
    assert learned(failing, RATES, {"a": 0.9, "b": 0.5}) == learned(failing, RATES, {"a": 0.1, "b": 0.5})


def test_many_sensors_do_not_add_up():
    rates, belief = {"reproduction": RATES}, dict.fromkeys(ROWS, 0.5)
    one = Sensor("reproduction", ("x",), frozenset("a"), frozenset())
    four = [Sensor("reproduction", (f"x{number}",), frozenset("a"), frozenset()) for number in range(4)]
    alone = evidence_of([one], rates, belief, "reproduction")
    together = evidence_of(four, rates, belief, "reproduction")
    assert together["a"] == pytest.approx(2 * alone["a"])
    assert evidence_of([], rates, belief, "reproduction") == dict.fromkeys(ROWS, 0.0)


@settings(max_examples=50)
@given(
    passes=st.sets(st.sampled_from(ROWS)),
    own=st.sets(st.sampled_from(ROWS)),
    belief=st.fixed_dictionaries({row: st.floats(0, 1) for row in ROWS}),
)
def test_rates_stay_rates(passes, own, belief):
    sensor = Sensor("reproduction", ("x",), frozenset(passes), frozenset(own))
    found = learned(sensor, RATES, belief)
    assert 0 < found.right < 1
    assert 0 < found.wrong < 1
    for row in ROWS:
        said = log_odds(sensor, found, row)
        assert (said >= 0) if row in passes else (said <= 0)
