from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selection.logistic import fit_logistic, logit, sigmoid


@given(st.floats(-700, 700))
def test_sigmoid_is_a_probability(x):
    assert 0 <= sigmoid(x) <= 1
    assert sigmoid(x) + sigmoid(-x) == pytest.approx(1)


@given(st.floats(0.001, 0.999))
def test_logit_undoes_sigmoid(p):
    assert sigmoid(logit(p)) == pytest.approx(p)
    assert math.isfinite(logit(0))
    assert math.isfinite(logit(1))


def test_a_constant_finds_the_share():
    (level,) = fit_logistic([(1.0,)] * 4, [1, 1, 1, 0], [1.0] * 4, ridge=(1e-9,))
    assert sigmoid(level) == pytest.approx(0.75)


def test_the_slope_of_known_odds_is_found():
    rows = [(1.0, x) for x in (-2.0, -1.0, 0.0, 1.0, 2.0)]
    labels = [sigmoid(0.5 + 1.5 * x) for _, x in rows]
    assert fit_logistic(rows, labels, [1.0] * 5, ridge=(1e-9, 1e-9)) == pytest.approx((0.5, 1.5), abs=1e-4)


def test_a_ridge_holds_a_coefficient_at_its_prior():
    rows, labels = [(1.0, 1.0), (1.0, -1.0)], [1.0, 0.0]
    level, slope = fit_logistic(rows, labels, [1.0, 1.0], ridge=(1e-9, 1e9), prior=(0.0, 2.0))
    assert slope == pytest.approx(2.0, abs=1e-3)
    assert level == pytest.approx(0.0, abs=1e-6)
    assert fit_logistic([], [], [], ridge=(1.0,), prior=(0.7,)) == pytest.approx((0.7,))
