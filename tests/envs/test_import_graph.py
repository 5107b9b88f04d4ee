from __future__ import annotations

from envs.import_graph import distances, dotted

IMPORTS = {
    "src/app/__init__.py": ["from .core import run"],
    "src/app/core.py": ["from . import helpers", "import os"],
    "src/app/helpers.py": ["from app.deep.leaf import grow as g"],
    "src/app/deep/__init__.py": [],
    "src/app/deep/leaf.py": [],
    "src/app/alone.py": [],
    "tests/test_leaf.py": ["from app.deep.leaf import grow"],
    "tests/test_helpers.py": ["    from app import helpers"],
    "tests/test_core.py": ["import app.core as core, sys"],
    "tests/test_none.py": ["import json  # app.deep.leaf"],
}


def test_distances_count_imports():
    found = distances(IMPORTS, IMPORTS, ["src/app/deep/leaf.py"])
    assert found["src/app/deep/leaf.py"] == 0
    assert found["tests/test_leaf.py"] == found["src/app/helpers.py"] == 1
    assert found["tests/test_helpers.py"] == found["src/app/core.py"] == 2
    assert found["tests/test_core.py"] == 3
    assert "tests/test_none.py" not in found
    assert "src/app/alone.py" not in found


def test_circles_and_strange_lines_end():
    circle = {
        "a.py": ["import b"],
        "b.py": ["from a import x"],
        "c.py": ["from .... import y", "import", "from"],
    }
    assert distances(circle, circle, ["a.py"]) == {"a.py": 0, "b.py": 1}
    assert distances({}, [], []) == {}


def test_names_of_modules():
    assert dotted("src/app/__init__.py") == "app"
    assert dotted("lib/a/b.py") == "a.b"
