from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from types import ModuleType

import pytest

import agent.models.repair as package


@pytest.fixture(scope="module")
def probe() -> ModuleType:
    path = Path(package.__file__).parent / "guest" / "probe.py"
    spec = importlib.util.spec_from_file_location("guest_probe", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def spin() -> None:
    while True:
        pass


def test_an_answer_comes_back(probe):
    assert probe.in_child(lambda: {"a": 1}, 20) == {"a": 1}
    assert probe.in_child(lambda: 1 / 0, 20) == probe.DIED


def test_a_child_that_sleeps_is_ended_in_time_and_counted(probe):
    before = probe.busy()
    assert probe.in_child(lambda: time.sleep(60), 0.3) == probe.TIMEOUT
    assert probe.busy() - before >= 0.25


def test_a_child_that_spins_is_ended_and_costs_what_it_used(probe):
    before, began = probe.busy(), time.monotonic()
    assert probe.in_child(spin, 0.3) == probe.TIMEOUT
    assert probe.busy() - before > 0.05
    assert time.monotonic() - began < 20


def test_a_child_that_gets_no_processor_is_waited_for(probe, monkeypatch):
    """The state of a starved process, as the kernel tells it, for a child that answers late."""
    monkeypatch.setattr(probe, "processor", lambda child: ("R", 0.0))
    assert probe.in_child(lambda: time.sleep(0.5) or "late", 0.3) == "late"
    assert probe.in_child(lambda: time.sleep(60), 0.1) == probe.TIMEOUT
