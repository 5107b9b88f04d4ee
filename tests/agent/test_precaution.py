"""Doing what costs time no more often than its share."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from agent.precaution import FIRST, SHARE, Precaution


def test_what_took_long_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("agent.precaution.time", SimpleNamespace(monotonic=lambda: now))
    due = Precaution()
    assert not due.is_due()
    now += FIRST
    assert due.is_due()
    with due.measured():
        now += 2.0
    now += 2.0 / SHARE - 0.01
    assert not due.is_due()
    now += 0.02
    assert due.is_due()


def test_what_fails_is_measured_too() -> None:
    due = Precaution()
    with pytest.raises(ZeroDivisionError), due.measured():
        raise ZeroDivisionError
    assert not due.is_due()
