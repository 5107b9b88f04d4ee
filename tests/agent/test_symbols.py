from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from agent.symbols import cut

SOURCE = '''\
import os


@decorated
class Shelf:
    """Holds things."""

    size = 3

    @property
    def full(self) -> bool:
        return len(self.things) == self.size

    async def put(self, thing: str, *rest, at=0, **more):
        def note(text):
            return text

        return note(thing)


if os.name == "posix":

    def open_shelf(path, /, mode: str = "r"):
        return path
'''


def test_definitions_are_found_with_their_lines_decorators_included():
    found = {symbol.qualified: symbol for symbol in cut(SOURCE, "shelf.py")}
    assert list(found) == ["Shelf", "Shelf.full", "Shelf.put", "Shelf.put.note", "open_shelf"]
    assert str(found["Shelf"]) == "shelf.py:4-18 class Shelf"
    assert (found["Shelf.full"].start, found["Shelf.full"].end, found["Shelf.full"].kind) == (
        10,
        12,
        "method",
    )
    assert found["Shelf.full"].body == 12
    assert found["Shelf.put.note"].kind == "function"
    assert (found["open_shelf"].kind, found["open_shelf"].start) == ("function", 23)


def test_parameters_are_the_names_a_caller_may_pass():
    found = {symbol.qualified: symbol.parameters for symbol in cut(SOURCE, "shelf.py")}
    assert found["Shelf.put"] == ("self", "thing", "at")
    assert found["open_shelf"] == ("path", "mode")


def test_a_broken_file_gives_what_is_still_readable():
    assert [symbol.name for symbol in cut("def good():\n    return 1\n\n\ndef bad(:\n", "x.py")][:1] == [
        "good"
    ]


@given(st.text())
def test_any_text_is_cut(text: str):
    lines = text.count("\n") + 1
    for symbol in cut(text, "x.py"):
        assert 1 <= symbol.start <= symbol.body <= symbol.end <= lines


def test_the_same_functions_as_the_syntax_tree_has():
    named = [
        node.name
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert sorted(s.name for s in cut(SOURCE, "x.py") if s.kind != "class") == sorted(named)
