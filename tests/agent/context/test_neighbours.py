"""Callers, callees and imported files get their share; imports of each language find their file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.context.bm25 import bm25
from agent.context.clues import read_clues
from agent.context.definitions import rank_definitions
from agent.context.fusion import fused
from agent.context.imports import Importable, imported
from agent.context.index import index
from agent.context.neighbours import from_calls, from_imports
from agent.context.survey import survey

SOURCES = {
    "app/api.py": (
        "from app.store import fetch_row\n\n\ndef render_invoice(key):\n    return fetch_row(key)\n"
    ),
    "app/store.py": "def fetch_row(key):\n    return key\n",
    "app/other.py": "def unrelated(key):\n    return key\n",
    "app/main.py": "from app import api\n\n\ndef run(key):\n    return api.render_invoice(key)\n",
}
ISSUE = "`render_invoice` gives the wrong result"


def test_what_a_named_definition_calls_and_what_calls_it_get_a_share():
    outlines, _ = index(SOURCES)
    ranked = rank_definitions(outlines, read_clues(ISSUE))
    assert ranked[0].symbol.name == "render_invoice"
    got = {symbol.name: share for symbol, share in from_calls(outlines, ranked).items() if share > 0}
    assert {"fetch_row", "run"} <= got.keys()
    assert "unrelated" not in got


def test_what_a_good_file_imports_gets_a_share():
    outlines, _ = index(SOURCES)
    got = from_imports(outlines, {"app/api.py": 1.0, "app/main.py": 0.0})
    assert got["app/store.py"] == 1.0
    assert got.get("app/other.py", 0.0) == 0.0


def test_neighbours_come_before_what_is_unrelated():
    files = survey(ISSUE, SOURCES).files
    assert files[0] == "app/api.py"
    assert files[-1] == "app/other.py"


def test_a_name_that_everything_has_brings_nothing():
    sources = {f"m{n}.py": "def get(key):\n    return key\n" for n in range(20)}
    sources["top.py"] = "def top():\n    return get(1)\n"
    outlines, _ = index(sources)
    assert not from_calls(outlines, rank_definitions(outlines, read_clues("`top` is wrong")))


IMPORTS = [
    ("a/b.py", "from a.c import x, y as z\n", "a/c.py"),
    ("a/b.py", "from . import c\n", "a/c.py"),
    ("a/b/d.py", "from ..c import x\n", "a/c.py"),
    ("a/b.py", "import a.pkg\n", "a/pkg/__init__.py"),
    ("src/m.py", "from lib.shapes import area\n", "src/lib/shapes.py"),
    ("web/app.ts", "import { x } from './lib/shape';\n", "web/lib/shape.ts"),
    ("web/app.js", "const x = require('../shared/shape.js')\n", "shared/shape.js"),
    ("web/app.js", "import x from './lib'\n", "web/lib/index.js"),
    ("cmd/main.go", 'import (\n\t"fmt"\n\t"example.org/x/shapes"\n)\n', "x/shapes/area.go"),
    ("org/App.java", "import org.shapes.Square;\n", "src/main/java/org/shapes/Square.java"),
    ("src/main.rs", "use crate::shapes::Square;\n", "src/shapes.rs"),
    ("src/main.rs", "mod shapes;\n", "src/shapes/mod.rs"),
    ("src/a.c", '#include "shapes/area.h"\n', "include/shapes/area.h"),
    ("lib/a.rb", "require_relative 'shapes/area'\n", "lib/shapes/area.rb"),
    ("src/A.php", "<?php\nuse App\\Shapes\\Square;\n", "src/App/Shapes/Square.php"),
]


@pytest.mark.parametrize(("path", "text", "target"), IMPORTS)
def test_an_import_finds_its_file(path, text, target):
    files = Importable([path, target, "else/where.py", "else/thing.go"])
    found = {file for module in imported(path, text) for file in files.resolve(module)}
    assert found == {target}


@given(st.text(max_size=200), st.sampled_from([path for path, _, _ in IMPORTS]), st.data())
def test_any_text_has_imports_that_can_be_looked_for(text, path, data):
    start = data.draw(st.sampled_from([text for _, text, _ in IMPORTS]))
    files = Importable([path, "a/b.py", "index.js", "__init__.py"])
    for module in imported(path, start + text):
        files.resolve(module)


def test_rankings_are_fused_by_reciprocal_rank():
    assert fused([["a", "b", "c"], ["b", "a"], ["b"]]) == ["b", "a", "c"]
    assert fused([]) == []
    assert fused([["b"], ["a"]]) == ["a", "b"]


@given(st.lists(st.lists(st.sampled_from("abcdef"), max_size=8), max_size=5), st.randoms())
def test_the_order_of_rankings_does_not_matter(rankings, random):
    shuffled = list(rankings)
    random.shuffle(shuffled)
    once = fused(rankings)
    assert sorted(once) == sorted({name for ranking in rankings for name in ranking})
    assert fused(shuffled) == once


def test_names_with_the_same_places_are_tied_whatever_order_they_were_added_in():
    assert fused([["a"], ["a", "b"], ["b", "a"], ["b"]]) == ["a", "b"]


def test_bm25_is_the_formula():
    # two documents of 4 and 2 words, "x" twice in the first: idf = ln(1 + 1.5 / 1.5)
    score = 0.6931471805599453 * 2 / (2 + 1.5 * (1 - 0.75 + 0.75 * 4 / 3))
    assert bm25({"x": [(0, 2)]}, [4, 2], {"x": 1}) == pytest.approx([score, 0.0])
    assert bm25({}, [], {"x": 1}) == []
