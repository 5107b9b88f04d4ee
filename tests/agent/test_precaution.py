"""Doing what costs time no more often than its share."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from agent.pace import SHARE, Pace


def test_what_took_long_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("agent.pace.time", SimpleNamespace(monotonic=lambda: now))
    pace = Pace()
    assert pace.is_due()
    with pace.measured():
        now += 2.0
    now += 2.0 / SHARE - 0.01
    assert not pace.is_due()
    now += 0.02
    assert pace.is_due()


def test_what_fails_is_measured_too() -> None:
    pace = Pace()
    with pytest.raises(ZeroDivisionError), pace.measured():
        raise ZeroDivisionError
    assert pace._next > 0
