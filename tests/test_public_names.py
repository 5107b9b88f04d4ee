"""The names that the packages offer are the documented ones."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
ROOMS = ("sandbox", "envs", "agent", "agent.models", "selection", "runs")


def documented(room: str) -> set[str]:
    page = (HOME / "docs" / "api.md").read_text()
    section = re.search(rf"^## `{re.escape(room)}`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert section, f"docs/api.md has no section for {room}"
    return set(re.findall(r"^- `(\w+)`", section[1], re.MULTILINE))


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_are_the_documented_ones(room):
    module = importlib.import_module(room)
    names = list(getattr(module, "__all__", []))
    assert names == sorted(names)
    assert set(names) == documented(room)
    for name in names:
        assert getattr(module, name).__doc__, f"{room}.{name} has no docstring"
