"""Exceptions: another type raised or caught, more of them caught, a check that raises borrowed from near."""

from __future__ import annotations

import ast
import builtins
from functools import lru_cache
from typing import TYPE_CHECKING

from agent.models.repair.operators.conditions import conditions_nearby, names_read
from agent.models.repair.operators.guards import inserted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.edits import Edit
    from agent.models.repair.scope import Site

_COMMON = ("ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "OSError", "UnicodeError")


@lru_cache(maxsize=64)
def types_at_hand(site: Site) -> list[str]:
    """Return exception types that can be named here, those of the issue first."""
    known = site.globals | set(dir(builtins))
    here = [
        node.exc.func.id
        for node in ast.walk(site.source.tree)
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
    ]
    named = [name for name in site.hints.exceptions if name in known]
    return list(dict.fromkeys((*named, *here, *_COMMON)))


def raised(site: Site) -> Iterator[Edit]:
    """Raise another type."""
    for node in site.nodes:
        if not isinstance(node, ast.Raise) or node.exc is None:
            continue
        kind = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        for name in types_at_hand(site):
            if name != site.text(kind):
                prior = 0.6 if name in site.hints.exceptions else 0.15
                yield from site.edit([(kind, name)], "exception type", prior)
        if isinstance(node.exc, ast.Name) and node.cause is None:
            continue
        if node.cause is None and any(isinstance(a, ast.ExceptHandler) for a in site.source.above(node)):
            yield from site.edit([(node.exc, f"{site.text(node.exc)} from None")], "cause hidden", 0.05)


def caught(site: Site) -> Iterator[Edit]:
    """Catch another type as well, instead, or one type fewer."""
    for node in site.nodes:
        if not isinstance(node, ast.ExceptHandler) or node.type is None:
            continue
        kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        held = [site.text(kind) for kind in kinds]
        for name in types_at_hand(site):
            if name not in held:
                prior = 0.6 if name in site.hints.exceptions else 0.15
                yield from site.edit([(node.type, f"({', '.join((*held, name))})")], "also caught", prior)
                yield from site.edit([(node.type, name)], "caught instead", prior * 0.3)
        yield from site.edit([(node.type, "Exception")], "all caught", 0.1)


def guarded(site: Site) -> Iterator[Edit]:
    """Try a statement and, when it fails as the issue says, leave the function or raise another type."""
    if not isinstance(site.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    named = [name for name in site.hints.exceptions if name in site.globals | set(dir(builtins))]
    exits = ["return None", "return False", "pass", "continue"]
    exits += [f"return {name}" for name in site.parameters[:3]]
    for node in ast.walk(site.node):
        if isinstance(node, ast.Return) and node.value is not None and len(site.text(node)) < 40:
            exits.append(site.text(node))
    for statement in site.statements:
        if not isinstance(statement, ast.Return | ast.Assign | ast.Expr | ast.AugAssign):
            continue
        first, last = statement.lineno, statement.end_lineno or statement.lineno
        indent = site.source.indent(first)
        span = site.source.line_span(first, last)
        lines = site.source.text[span[0] : span[1]].splitlines()
        body = "\n".join(f"    {line}" if line.strip() else line for line in lines)
        for name in named:
            others = [f"raise {other}(str(error)) from error" for other in named if other != name]
            for leave in dict.fromkeys((*exits, *others)):
                bound = f"{name} as error" if leave.startswith("raise") else name
                text = f"{indent}try:\n{body}\n{indent}except {bound}:\n{indent}    {leave}\n"
                yield from site.edit([(span, text)], "failure caught", 0.15)


def checks(site: Site) -> Iterator[Edit]:
    """Raise, before a statement, what is raised elsewhere in the file, when a condition nearby holds."""
    if not isinstance(site.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    raises = _raises_nearby(site)
    conditions = [condition for condition in conditions_nearby(site) if condition.prior > 0.15]
    for text, weight in raises:
        for statement in site.statements:
            read = names_read(statement)
            for condition in conditions:
                if not read & condition.names:
                    continue
                yield from inserted(
                    site,
                    statement,
                    f"if {condition.text}:",
                    text,
                    "check that raises",
                    condition.prior * weight * 0.5,
                )


def _raises_nearby(site: Site) -> list[tuple[str, float]]:
    """Return `raise` statements that can stand here: of the function, then of those beside it."""
    found: dict[str, float] = {}
    for place, weight in ((site, 1.0), *((sibling, 0.3) for sibling in site.siblings[:8])):
        for node in ast.walk(place.node):
            if not isinstance(node, ast.Raise) or node.exc is None or not site.visible(node.exc):
                continue
            text = " ".join(line.strip() for line in place.text(node).splitlines())
            named = any(name in text for name in site.hints.exceptions)
            if len(text) < 120:
                found.setdefault(text, weight * (1.0 if named else 0.3))
    return sorted(found.items(), key=lambda item: -item[1])[:5]


OPERATORS = (raised, caught, guarded, checks)
