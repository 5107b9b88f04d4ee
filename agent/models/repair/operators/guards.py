"""Guards: fallbacks for None and emptiness, early returns, skipped rounds of a loop."""

from __future__ import annotations

import ast
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from agent.models.repair.operators.conditions import conditions_nearby, names_read
from agent.models.repair.operators.names import expressions_nearby

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.edits import Edit
    from agent.models.repair.scope import Site


def fallbacks(site: Site) -> Iterator[Edit]:
    """Give a value another one to fall back on: `x or y`, with y a variable or something empty."""
    for node in site.expressions:
        if isinstance(
            node, ast.Constant | ast.JoinedStr | ast.Compare | ast.BoolOp | ast.Lambda | ast.Starred
        ):
            continue
        parent = site.source.parents.get(node)
        if not isinstance(parent, ast.Assign | ast.Return | ast.keyword | ast.Call | ast.For | ast.Attribute):
            continue
        if isinstance(parent, ast.Call) and node is parent.func:
            continue
        if isinstance(parent, ast.Attribute) and (
            not isinstance(node, ast.Name | ast.Attribute) or _is_changed(site, parent)
        ):
            continue
        text = site.operand(node, 4)
        weight = 1.0 if isinstance(parent, ast.Assign | ast.Return) else 0.6
        targets = [ast.unparse(target) for target in parent.targets] if isinstance(parent, ast.Assign) else []
        for other in ("''", "()", "[]", "{}", "0", "None"):
            yield from site.swap(node, f"{text} or {other}", "fallback", 0.15 * weight)
        for other in site.variables:
            if other != text and other not in targets:
                alike = max(
                    (SequenceMatcher(None, other, name).ratio() for name in (*targets, text)), default=0
                )
                yield from site.swap(node, f"{text} or {other}", "fallback", (0.1 + 0.3 * alike**2) * weight)
        for other in site.attributes[:10]:
            if other != text:
                yield from site.swap(node, f"{text} or {other}", "fallback", 0.1 * weight)


def _is_changed(site: Site, method: ast.Attribute) -> bool:
    """Whether a method is called for what it does to its object, which must be the one that stays."""
    call = site.source.parents.get(method)
    return isinstance(call, ast.Call) and isinstance(site.source.parents.get(call), ast.Expr)


def conditional_values(site: Site) -> Iterator[Edit]:
    """Take a value only under a condition, and something plain otherwise."""
    for node in site.expressions:
        parent = site.source.parents.get(node)
        if not isinstance(parent, ast.Assign | ast.Return | ast.keyword | ast.Call) or isinstance(
            node, ast.Constant
        ):
            continue
        if isinstance(parent, ast.Call) and node is parent.func:
            continue
        text = site.operand(node, 3)
        names = [
            inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name) and inner.id in site.variables
        ]
        for name in dict.fromkeys(names):
            for condition in (name, f"{name} is not None"):
                for other in dict.fromkeys((name, "None", "''")):
                    if other != text:
                        new = f"{text} if {condition} else {other}"
                        yield from site.swap(node, new, "value under a condition", 0.12)


def early_exits(site: Site) -> Iterator[Edit]:
    """Leave the function, or the round of a loop, before a statement when a condition found nearby holds."""
    if not isinstance(site.node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    conditions = [condition for condition in conditions_nearby(site) if condition.prior > 0.2]
    results = _results(site)
    for statement in site.statements:
        first = statement in site.body[:1]
        read = names_read(statement)
        for condition in conditions:
            if not read & condition.names:
                continue
            head, prior = f"if {condition.text}:", condition.prior
            for result, weight in results:
                weight *= prior * (0.8 if first else 0.25)
                yield from inserted(site, statement, head, result, "early return", weight)
            if _in_loop(site, statement):
                for word in ("continue", "break"):
                    yield from inserted(site, statement, head, word, "early exit", prior * 0.25)


def _results(site: Site) -> list[tuple[str, float]]:
    """Return statements that leave the function, as it does elsewhere or plainly."""
    found: dict[str, float] = {}
    for node in ast.walk(site.node):
        if isinstance(node, ast.Return):
            text = site.text(node)
            if "\n" not in text and len(text) < 50:
                found.setdefault(text, 0.6)
    generator = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(site.node))
    if generator:
        return [("return", 0.6)]
    for name in site.parameters:
        found.setdefault(f"return {name}", 0.5)
    for value in ("None", "False", "True", "''", "[]"):
        found.setdefault(f"return {value}", 0.2)
    return list(found.items())


def _in_loop(site: Site, statement: ast.stmt) -> bool:
    for above in site.source.above(statement):
        if isinstance(above, ast.For | ast.While | ast.AsyncFor):
            return True
        if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return False
    return False


def inserted(
    site: Site, statement: ast.stmt, head: str, inner: str, operator: str, prior: float
) -> Iterator[Edit]:
    """Yield the edit that puts lines before a statement, the second, if any, indented further."""
    source = site.source
    line = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))])
    start = source.line_span(line, line)[0]
    indent = source.indent(line)
    alone = source.offset(statement.lineno, statement.col_offset) == start + len(indent)
    if line == statement.lineno and not alone:
        return
    lines = f"{indent}{head}\n" + (f"{indent}    {inner}\n" if inner else "")
    yield from site.edit([((start, start), lines)], operator, prior)


_CONVERSIONS = (
    "str({})",
    "int({})",
    "list({})",
    "tuple({})",
    "dict({})",
    "{}.strip()",
    "{}.lower()",
    "{}.strip().lower()",
    "iter({})",
)


def defaults(site: Site) -> Iterator[Edit]:
    """Give a parameter that is None or empty a value before it is used."""
    if not isinstance(site.node, ast.FunctionDef | ast.AsyncFunctionDef) or not site.body:
        return
    values = [text for text, (prior, _) in expressions_nearby(site).items() if prior > 0.1][:25]
    for name in site.parameters:
        for value in dict.fromkeys(("''", "()", "[]", "{}", "0", *values)):
            if value != name:
                new = f"{name} = {value}"
                yield from inserted(site, site.body[0], f"if {name} is None:", new, "default for None", 0.12)
        for call in _CONVERSIONS:
            yield from inserted(
                site, site.body[0], f"{name} = {call.format(name)}", "", "parameter converted", 0.12
            )


def own_defaults(site: Site) -> Iterator[Edit]:
    """Make a new empty container at each call instead of one that all calls share."""
    if not isinstance(site.node, ast.FunctionDef | ast.AsyncFunctionDef) or not site.body:
        return
    arguments = site.node.args
    places = [*arguments.posonlyargs, *arguments.args]
    given = list(zip(places[len(places) - len(arguments.defaults) :], arguments.defaults, strict=True))
    given += [
        (place, value)
        for place, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if value
    ]
    for place, value in given:
        if isinstance(value, ast.List | ast.Dict | ast.Set | ast.Call):
            name, line = place.arg, site.body[0].lineno
            start = site.source.line_span(line, line)[0]
            own = f"{site.source.indent(line)}{name} = {site.text(value)} if {name} is None else {name}\n"
            yield from site.edit([(value, "None"), ((start, start), own)], "default of its own", 0.35)


OPERATORS = (fallbacks, conditional_values, early_exits, defaults, own_defaults)
