"""Code borrowed from sibling functions: a statement or guard copied with its names adapted."""

from __future__ import annotations

import ast
import copy
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from agent.models.repair.operators.guards import inserted
from agent.models.repair.scope import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.edits import Edit


def statements(site: Site) -> Iterator[Edit]:
    """Insert a short statement of a similar function that this one lacks, before any statement."""
    if not isinstance(site.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    own = {ast.dump(node) for node in ast.walk(site.node) if isinstance(node, ast.stmt)}
    for sibling, likeness in similar_functions(site):
        for node in ast.walk(sibling.node):
            if not isinstance(node, ast.stmt) or node is sibling.node or not _short(node):
                continue
            borrowed = adapted(node, sibling, site)
            if borrowed is None or ast.dump(borrowed) in own:
                continue
            lines = ast.unparse(borrowed).split("\n")
            for place in site.statements:
                if place is not site.node:
                    indent = site.source.indent(place.lineno)
                    rest = f"\n{indent}".join(lines)
                    yield from inserted(site, place, rest, "", "borrowed statement", 0.15 * likeness)


def returned(site: Site) -> Iterator[Edit]:
    """Return or assign what a similar function does in the same place."""
    for sibling, likeness in similar_functions(site):
        values = [
            n.value for n in ast.walk(sibling.node) if isinstance(n, ast.Return | ast.Assign) and n.value
        ]
        for node in site.statements:
            if not isinstance(node, ast.Return | ast.Assign) or node.value is None:
                continue
            for value in values:
                text = ast.unparse(value)
                borrowed = adapted(value, sibling, site)
                if len(text) < 90 and isinstance(borrowed, ast.expr) and type(value) is type(node.value):
                    yield from site.swap(node.value, ast.unparse(borrowed), "borrowed value", 0.2 * likeness)


def similar_functions(site: Site) -> list[tuple[Site, float]]:
    """Return the functions of the file most like this one by name and parameters, with their likeness."""
    name = site.qualified.rpartition(".")[2]
    scored = []
    for sibling in site.siblings[:60]:
        other = sibling.node
        if not isinstance(other, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        names = SequenceMatcher(None, name, other.name).ratio()
        shared = len(set(site.parameters) & set(sibling.parameters)) / (len(site.parameters) or 1)
        scored.append((sibling, (names + min(shared, 1.0)) / 2))
    scored.sort(key=lambda item: -item[1])
    return [(sibling, likeness) for sibling, likeness in scored[:4] if likeness > 0.25]


def adapted(node: ast.AST, origin: Site, site: Site) -> ast.AST | None:
    """Return a node with its function's parameters renamed to those of another; None if names are missing."""
    renamed = dict(zip(origin.parameters, site.parameters, strict=False))
    renamed = {old: new for old, new in renamed.items() if old not in site.parameters}
    result = copy.deepcopy(node)
    for inner in ast.walk(result):
        if isinstance(inner, ast.Name):
            inner.id = renamed.get(inner.id, inner.id)
    return result if site.visible(result) else None


def _short(node: ast.stmt) -> bool:
    if isinstance(node, ast.If):
        return (
            len(node.body) == 1
            and not node.orelse
            and isinstance(node.body[0], ast.Return | ast.Raise | ast.Assign | ast.Continue)
        )
    return (
        isinstance(node, ast.Assign | ast.Expr | ast.AugAssign) and (node.end_lineno or 0) - node.lineno < 3
    )


OPERATORS = (statements, returned)
