"""Opening makers of sandboxes by name, plug-in and module."""

from __future__ import annotations

import sys
import types

import pytest

from sandbox.base import SandboxError
from sandbox.daemonless.host import DaemonlessHost
from sandbox.hosts import open_host


class Mine(DaemonlessHost):
    name = "mine"


@pytest.fixture
def module(monkeypatch):
    made = types.ModuleType("sandbox_of_mine")
    made.Mine, made.number = Mine, lambda: 7
    monkeypatch.setitem(sys.modules, "sandbox_of_mine", made)
    return "sandbox_of_mine"


def test_a_class_of_a_module(module):
    assert open_host(f"{module}:Mine").name == "mine"


def test_a_class_of_a_file(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from sandbox.daemonless.host import DaemonlessHost\n"
        "class Mine(DaemonlessHost):\n    name = 'filed'\n"
    )
    assert open_host(f"{path}:Mine").name == "filed"


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("dockr", "did you mean docker"),
        ("sandbox_of_mine:Missing", "cannot be opened: sandbox_of_mine has no Missing"),
        ("nowhere.py:Mine", "there is no file nowhere.py"),
        ("no_such_module:X", "ModuleNotFoundError"),
        ("sandbox_of_mine:number", "gives a int, which lacks"),
    ],
)
def test_what_cannot_be_opened_is_one_line(module, name, complaint):
    with pytest.raises(SandboxError, match=complaint) as caught:
        open_host(name)
    assert "\n" not in str(caught.value)
