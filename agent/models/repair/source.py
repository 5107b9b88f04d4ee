"""A Python file as text and syntax tree, each knowing where the other is."""

from __future__ import annotations

import ast
from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING

from agent.symbols import cut

if TYPE_CHECKING:
    from collections.abc import Iterator

Function = ast.FunctionDef | ast.AsyncFunctionDef

_TIGHTNESS: dict[type[ast.AST], int] = {
    ast.NamedExpr: 0,
    ast.Lambda: 1,
    ast.IfExp: 2,
    ast.Compare: 6,
    ast.Await: 14,
}
_OPERATORS: dict[type[ast.AST], int] = {
    ast.Or: 3,
    ast.And: 4,
    ast.Not: 5,
    ast.BitOr: 7,
    ast.BitXor: 8,
    ast.BitAnd: 9,
    ast.LShift: 10,
    ast.RShift: 10,
    ast.Add: 11,
    ast.Sub: 11,
    ast.Mult: 12,
    ast.Div: 12,
    ast.FloorDiv: 12,
    ast.Mod: 12,
    ast.MatMult: 12,
    ast.UAdd: 13,
    ast.USub: 13,
    ast.Invert: 13,
    ast.Pow: 14,
}


class Source:
    """One file: its text, its tree, and the way from a node to its characters and its parent.

    Raises:
        SyntaxError: the text is no valid Python.
    """

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.tree = ast.parse(text)
        self._lines = text.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)
        self._spans: dict[ast.AST, tuple[int, int] | None] = {}

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node above each node."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def functions(self) -> list[tuple[str, Function]]:
        """Every function of the file with its qualified name, in the order of the text."""
        by_line: dict[int, Function] = {
            node.lineno: node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        named = [
            (symbol.qualified, by_line[line])
            for symbol in cut(self.text, self.path)
            if symbol.kind != "class"
            for line in range(symbol.start, symbol.body + 1)
            if line in by_line and by_line[line].name == symbol.name
        ]
        return list(dict.fromkeys(named))

    @cached_property
    def _innermost(self) -> dict[int, ast.stmt]:
        """The innermost statement of each line."""
        found: dict[int, ast.stmt] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.stmt):
                for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                    found[line] = node
        return found

    def around(self, first: int, last: int) -> tuple[int, int, bool]:
        """Return the lines of the innermost statement around characters, as a span.

        The third value is True when they all lie in the head of a compound statement, whose lines these are.
        """
        top, bottom = self.line(first), self.line(last)
        node: ast.AST | None = self._innermost.get(top)
        while isinstance(node, ast.stmt):
            end = node.end_lineno or node.lineno
            body = getattr(node, "body", None)
            if node.lineno <= top and bottom <= end and not isinstance(node, ast.Match):
                if isinstance(body, list) and bottom < body[0].lineno and not _decorated(node):
                    return (*self.line_span(node.lineno, body[0].lineno - 1), True)
                return (*self.line_span(node.lineno, end), False)
            node = self.parents.get(node)
            while node is not None and not isinstance(node, ast.stmt):
                node = self.parents.get(node)
        return 0, len(self.text), False

    def offset(self, line: int, column: int) -> int:
        """Turn a line (from 1) and a column (in UTF-8 bytes, as `ast` counts) into a character's index."""
        text = self._lines[line - 1]
        if not text.isascii():
            column = len(text.encode()[:column].decode("utf-8", "replace"))
        return self._starts[line - 1] + column

    def line(self, index: int) -> int:
        """Return the line, counted from 1, of a character's index."""
        return bisect_right(self._starts, index)

    def line_span(self, first: int, last: int) -> tuple[int, int]:
        """Return where lines `first` to `last` begin and end, the last line's end included."""
        return self._starts[first - 1], min(self._starts[last], len(self.text))

    def indent(self, line: int) -> str:
        """Return the white space at the start of a line."""
        text = self._lines[line - 1]
        return text[: len(text) - len(text.lstrip())]

    def span(self, node: ast.AST) -> tuple[int, int] | None:
        """Return where a node begins and ends; None for one whose place is not known (in some f-strings)."""
        if node not in self._spans:
            self._spans[node] = self._place(node)
        return self._spans[node]

    def segment(self, node: ast.AST) -> str:
        """Return a node's text, or what it unparses to where its place is not known."""
        span = self.span(node)
        return self.text[span[0] : span[1]] if span else ast.unparse(node)

    def _place(self, node: ast.AST) -> tuple[int, int] | None:
        if not isinstance(node, ast.expr | ast.stmt | ast.excepthandler | ast.arg | ast.keyword):
            return None
        start = self.offset(node.lineno, node.col_offset)
        end = self.offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
        if isinstance(node, ast.expr) and self._in_fstring(node):
            try:
                found = ast.parse(f"({self.text[start:end]})", mode="eval").body
            except (SyntaxError, ValueError):
                return None
            if ast.dump(found) != ast.dump(node):
                return None
        return start, end

    def _in_fstring(self, node: ast.AST) -> bool:
        above = self.parents.get(node)
        while isinstance(above, ast.expr | ast.comprehension | ast.keyword):
            if isinstance(above, ast.FormattedValue | ast.JoinedStr):
                return True
            above = self.parents.get(above)
        return False

    def above(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes that hold a node, the nearest first."""
        while (node := self.parents.get(node, self.tree)) is not self.tree:
            yield node

    def statement(self, node: ast.AST) -> ast.stmt | None:
        """Return the innermost statement that holds a node, or the node itself."""
        if isinstance(node, ast.stmt):
            return node
        return next((found for found in self.above(node) if isinstance(found, ast.stmt)), None)

    def wrapped(self, text: str, place: ast.AST) -> str:
        """Return the text of an expression, in parentheses where it would fall apart in a node's place."""
        try:
            node = ast.parse(f"({text}\n)", mode="eval").body
        except (SyntaxError, ValueError):
            return text
        loose = tightness(node) < self._needed(place)
        lines = "\n" in text and not isinstance(place, ast.stmt)
        return f"({text})" if loose or (lines and not text.startswith(("(", "[", "{"))) else text

    def _needed(self, place: ast.AST) -> int:
        parent = self.parents.get(place)
        match parent:
            case ast.BoolOp():
                return _OPERATORS[type(parent.op)] + 1
            case ast.BinOp():
                return _OPERATORS[type(parent.op)] + (parent.right is place)
            case ast.UnaryOp():
                return _OPERATORS[type(parent.op)]
            case ast.Compare():
                return 7
            case ast.Attribute() | ast.Await():
                return 16
            case ast.Call() if parent.func is place:
                return 16
            case ast.Subscript() if parent.value is place:
                return 16
            case ast.IfExp():
                return 2 if parent.orelse is place else 3
            case ast.Starred():
                return 7
            case ast.comprehension():
                return 3
            case _:
                return 1


def _decorated(node: ast.AST) -> bool:
    return bool(getattr(node, "decorator_list", ()))


def tightness(node: ast.AST) -> int:
    """Return how strongly an expression holds together; atoms and calls 16."""
    if isinstance(node, ast.BoolOp | ast.BinOp | ast.UnaryOp):
        return _OPERATORS[type(node.op)]
    return _TIGHTNESS.get(type(node), 16)


def same(one: ast.AST, other: ast.AST) -> bool:
    """Whether two nodes say the same."""
    return ast.dump(one) == ast.dump(other)
