"""An edit: what it replaces in which file, and how likely edits of its kind are."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from agent.models.repair.source import Source

Cut = tuple[int, int, str]
"""Characters `start` to `end` of the file give way to a text."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A small change of one file.

    `prior` says how likely an edit of this kind is right before anything is known of the place;
    `function` is the qualified name of the definition it changes, empty at module level; `line` is the
    first line changed; `score` is set by localisation, higher is better.
    """

    path: str
    cuts: tuple[Cut, ...]
    operator: str
    prior: float
    function: str = ""
    line: int = 0
    score: float = field(default=0.0, compare=False)

    def applied(self, text: str) -> str:
        """Return the file's text with the edit made."""
        for start, end, new in sorted(self.cuts, reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def size(self, text: str) -> int:
        """Return how many characters it takes away and adds, those that stay in place not counted."""
        total = 0
        for start, end, new in self.cuts:
            old = text[start:end]
            while old and new and old[0] == new[0]:
                old, new = old[1:], new[1:]
            while old and new and old[-1] == new[-1]:
                old, new = old[:-1], new[:-1]
            total += len(old) + len(new)
        return total

    def scored(self, score: float) -> Edit:
        """Return the same edit with another score."""
        return replace(self, score=score)


def together(one: Edit, other: Edit) -> Edit | None:
    """Return both edits as one, None where they touch the same characters or different files."""
    if one.path != other.path:
        return None
    cuts = tuple(sorted((*one.cuts, *other.cuts)))
    for left, right in zip(cuts, cuts[1:], strict=False):
        if left[1] > right[0] or left[:2] == right[:2]:
            return None
    return Edit(
        one.path,
        cuts,
        f"{one.operator} + {other.operator}",
        one.prior * other.prior,
        one.function,
        min(one.line, other.line),
        one.score + other.score,
    )


def distinct(edits: Iterable[Edit], source: Source, seen: set[str]) -> Iterator[Edit]:
    """Yield, in order, edits that parse, change the program, and make none of the programs `seen`."""
    for edit in edits:
        meaning = _meaning(edit, source)
        if meaning is not None and meaning not in seen:
            seen.add(meaning)
            yield edit


def _meaning(edit: Edit, source: Source) -> str | None:
    """Return the changed top-level statements as they parse, None where they do not or nothing changes."""
    first = min(cut[0] for cut in edit.cuts)
    last = max(cut[1] for cut in edit.cuts)
    start, end = _block(source, first, last)
    old = source.text[start:end]
    new = Edit(edit.path, tuple((a - start, b - start, text) for a, b, text in edit.cuts), "", 0).applied(old)
    if " ".join(old.split()) == " ".join(new.split()) and old.count("\n") == new.count("\n"):
        return None
    try:
        parsed = ast.dump(_parse(new))
    except (SyntaxError, ValueError, RecursionError):
        return None
    if parsed == ast.dump(_parse(old)):
        return None
    return f"{source.path} {start} {parsed}"


def _block(source: Source, first: int, last: int) -> tuple[int, int]:
    """Return the span of the innermost function, or else of the top-level statements, around characters."""
    spans: list[tuple[int, int]] = []
    for node in source.tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for inner in [node, *(node.body if isinstance(node, ast.ClassDef) else ())]:
            decorators = getattr(inner, "decorator_list", [])
            top = min([inner.lineno, *(decorator.lineno for decorator in decorators)])
            start, end = source.line_span(top, inner.end_lineno or inner.lineno)
            if start <= first and last <= end and isinstance(inner, ast.stmt):
                spans.append((start, end))
    if spans:
        return min(spans, key=lambda span: span[1] - span[0])
    tops = [
        node
        for node in source.tree.body
        if (span := source.span(node)) and span[1] >= first and span[0] <= last
    ]
    if not tops:
        return 0, len(source.text)
    return source.line_span(tops[0].lineno, tops[-1].end_lineno or tops[-1].lineno)


def _parse(text: str) -> ast.AST:
    """Parse statements at any depth of indentation, with what only a loop or a function may hold."""
    body = textwrap.dedent(text)
    if body[:1].isspace():
        body = "if 1:\n" + text
    return ast.parse(body)
