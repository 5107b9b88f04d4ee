"""Imports go down the floors only, and the command line starts light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
FLOORS = ("sandbox", "envs", "agent", "selection", "runs")
HEAVY = (
    "litellm",
    "docker",
    "ray",
    "datasets",
    "torch",
    "numpy",
    "bm25s",
    "git",
    "openai",
    "tree_sitter",
    "yaml",
)


def imported_rooms(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names & set(FLOORS)


@pytest.mark.parametrize("floor", range(len(FLOORS)))
def test_imports_go_down_only(floor):
    above = set(FLOORS[floor + 1 :])
    files = sorted((HOME / FLOORS[floor]).rglob("*.py"))
    assert files
    wrong = {str(path.relative_to(HOME)): imported_rooms(path) & above for path in files}
    assert not {path: rooms for path, rooms in wrong.items() if rooms}


def test_the_check_sees_an_import_up(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("def f():\n    from runs.solve import solve\n")
    assert imported_rooms(bad) == {"runs"}


def test_no_file_is_longer_than_400_lines():
    long = {
        str(path.relative_to(HOME)): count
        for room in (*FLOORS, "benchmarks")
        for path in (HOME / room).rglob("*.py")
        if (count := len(path.read_text().splitlines())) > 400
    }
    assert not long


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        *(
            [name, "--help"]
            for name in ("solve", "tasks", "evaluate", "lab", "pull", "models", "serve", "recipes")
        ),
    ],
)
def test_help_imports_nothing_heavy(arguments):
    script = (
        "import sys\nfrom runs.cli import run\n"
        f"code = run({arguments!r})\n"
        f"loaded = sorted(set({HEAVY!r}) & set(sys.modules))\n"
        "print('loaded:', loaded, 'code:', code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=HOME
    )
    assert done.stdout.splitlines()[-1] == "loaded: [] code: 0", done.stderr


def test_only_envs_opens_what_is_sealed():
    openers = [
        str(path.relative_to(HOME))
        for room in ("agent", "selection", "runs", "sandbox")
        for path in (HOME / room).rglob("*.py")
        if ".unseal(" in path.read_text()
    ]
    assert openers == []
