"""Statements: deleted, moved, copied into the other branch, returned, initialised, exchanged."""

from __future__ import annotations

import ast
from itertools import pairwise
from typing import TYPE_CHECKING

from agent.models.repair.operators.guards import inserted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.edits import Edit
    from agent.models.repair.scope import Site

_SIMPLE = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Delete, ast.Assert)


def lines_of(site: Site, node: ast.stmt) -> tuple[int, int]:
    """Return the span of whole lines that a statement fills, decorators included."""
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
    return site.source.line_span(first, node.end_lineno or node.lineno)


def blocks(site: Site) -> Iterator[list[ast.stmt]]:
    """Yield every list of statements of the function, nested ones included."""
    if not isinstance(site.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    if site.body:
        yield site.body
    for node in site.nodes:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                yield block


def deleted(site: Site) -> Iterator[Edit]:
    """Leave a statement out, or an `if` around statements, or an `else` branch."""
    for block in blocks(site):
        for node in block:
            if not site.ran(node):
                continue
            span = lines_of(site, node)
            indent = site.source.indent(node.lineno)
            rest = f"{indent}pass\n" if len(block) == 1 else ""
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield from site.edit(
                    [(span, rest)], "statement deleted", 0.15 if isinstance(node, _SIMPLE) else 0.06
                )
            if isinstance(node, ast.If) and not node.orelse and node.body[0].lineno > node.lineno:
                inner = (lines_of(site, node.body[0])[0], lines_of(site, node.body[-1])[1])
                text = _shifted(
                    site.source.text[inner[0] : inner[1]], site.source.indent(node.body[0].lineno), indent
                )
                yield from site.edit([(span, text)], "condition removed", 0.12)


def _shifted(text: str, old: str, new: str) -> str:
    return "".join(
        new + line.removeprefix(old) if line.startswith(old) else line
        for line in text.splitlines(keepends=True)
    )


def moved(site: Site) -> Iterator[Edit]:
    """Exchange neighbouring statements, move one out of its block (after it or before it) or to its start."""
    for block in blocks(site):
        for one, other in pairwise(block):
            if site.ran(one) or site.ran(other):
                first, second = lines_of(site, one), lines_of(site, other)
                text = site.source.text
                between = text[first[1] : second[0]]
                if first[1] <= second[0]:
                    swapped = text[second[0] : second[1]] + between + text[first[0] : first[1]]
                    yield from site.edit([((first[0], second[1]), swapped)], "statements exchanged", 0.12)
        holder = site.source.parents.get(block[0])
        if not isinstance(holder, ast.If | ast.For | ast.While | ast.Try | ast.With) or not site.ran(holder):
            continue
        outer = site.source.indent(holder.lineno)
        inner = site.source.indent(block[-1].lineno)
        whole = lines_of(site, holder)
        for node, after in ((block[-1], True), (block[0], False)):
            span = lines_of(site, node)
            text = _shifted(site.source.text[span[0] : span[1]], inner, outer)
            place = whole[1] if after else whole[0]
            gone = f"{inner}pass\n" if len(block) == 1 else ""
            yield from site.edit([(span, gone), ((place, place), text)], "statement moved out", 0.12)


def copied_to_other_branch(site: Site) -> Iterator[Edit]:
    """Do in the other branch what one branch does: in an `else`, an `except`, or after the whole."""
    for node in site.nodes:
        if not isinstance(node, ast.If) or not site.ran(node):
            continue
        indent = site.source.indent(node.lineno)
        for block, others in ((node.body, node.orelse), (node.orelse, node.body)):
            for statement in block:
                if not isinstance(statement, _SIMPLE) or statement.lineno == node.lineno:
                    continue
                span = lines_of(site, statement)
                text = site.source.text[span[0] : span[1]]
                if others:
                    start = lines_of(site, others[0])[0]
                    moved_text = _shifted(
                        text, site.source.indent(statement.lineno), site.source.indent(others[0].lineno)
                    )
                    yield from site.edit([((start, start), moved_text)], "copied to other branch", 0.12)
                elif block is node.body:
                    end = lines_of(site, node)[1]
                    yield from site.edit(
                        [((end, end), f"{indent}else:\n{text}")], "copied to other branch", 0.1
                    )


def returns(site: Site) -> Iterator[Edit]:
    """Return what is computed and dropped, or a variable at the end; return another variable."""
    if not isinstance(site.node, ast.FunctionDef | ast.AsyncFunctionDef) or not site.body:
        return
    for node in site.statements:
        span = site.source.span(node)
        dropped = isinstance(node, ast.Expr) and not isinstance(
            node.value, ast.Constant | ast.Yield | ast.YieldFrom
        )
        if dropped and span is not None:
            yield from site.edit([((span[0], span[0]), "return ")], "missing return", 0.3)
        if isinstance(node, ast.Return) and node.value is None and span is not None:
            for name in (*site.variables[:8], "None", "self"):
                yield from site.edit([(span, f"return {name}")], "value returned", 0.1)
    last = site.body[-1]
    if not isinstance(last, ast.Return | ast.Raise):
        end = site.source.line_span(last.end_lineno or last.lineno, last.end_lineno or last.lineno)[1]
        indent = site.source.indent(last.lineno)
        gap = "" if site.source.text[end - 1 : end] == "\n" else "\n"
        for name in (*site.variables[:10], *(["self"] if site.has_self else [])):
            yield from site.edit([((end, end), f"{gap}{indent}return {name}\n")], "missing return", 0.2)


def initialised(site: Site) -> Iterator[Edit]:
    """Give variables that only some paths assign a first value at the function's start or before a loop."""
    if not isinstance(site.node, ast.FunctionDef | ast.AsyncFunctionDef) or not site.body:
        return
    late = [name for name in site.locals if not _assigned_first(site, name)]
    unbound = any(name in ("UnboundLocalError", "NameError") for name in site.hints.exceptions)
    for name in late:
        likely = name in site.hints.names or any(name == hint.rpartition(".")[2] for hint in site.hints.names)
        prior = (0.5 if unbound else 0.08) * (1.5 if likely else 1.0)
        for rank, value in enumerate(("None", "[]", "''", "0", "False", "{}")):
            weight = prior if rank == 0 else prior * 0.3
            yield from inserted(site, site.body[0], f"{name} = {value}", "", "variable initialised", weight)
    for node in site.statements:
        if isinstance(node, ast.For | ast.While) and any(isinstance(n, ast.Assign) for n in node.body):
            for name in site.locals:
                for value in ("None", "[]"):
                    yield from inserted(site, node.body[0], f"{name} = {value}", "", "variable reset", 0.05)


def _assigned_first(site: Site, name: str) -> bool:
    """Whether the function's own block assigns a name before anything nested does."""
    for statement in site.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and node.id == name:
                return isinstance(statement, ast.Assign | ast.AnnAssign)
    return True


def control(site: Site) -> Iterator[Edit]:
    """Exchange `break`, `continue`, `pass`, `return`; `if` and `elif`; `yield` and `yield from`."""
    words = {
        ast.Break: ("continue", "pass", "return"),
        ast.Continue: ("break", "pass"),
        ast.Pass: ("return", "continue"),
    }
    for node in site.statements:
        for other in words.get(type(node), ()):
            if (span := site.source.span(node)) is not None:
                yield from site.edit([(span, other)], "other exit", 0.15)
        if isinstance(node, ast.If) and (span := site.source.span(node)):
            if site.source.text.startswith("elif", span[0]):
                yield from site.edit([((span[0], span[0] + 4), "if")], "if for elif", 0.15)
            elif site.source.text.startswith("if", span[0]):
                yield from site.edit([((span[0], span[0] + 2), "while")], "while for if", 0.12)
        if isinstance(node, ast.While) and (span := site.source.span(node)):
            yield from site.edit([((span[0], span[0] + 5), "if")], "if for while", 0.1)


OPERATORS = (deleted, moved, copied_to_other_branch, returns, initialised, control)
