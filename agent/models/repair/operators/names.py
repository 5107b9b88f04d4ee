"""Names: another variable, attribute or expression of the same shape, from the function or near it."""

from __future__ import annotations

import ast
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING

from agent.models.repair.scope import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.edits import Edit
    from agent.models.repair.source import Source

_SMALL = 40
"""Characters of an expression that may be carried to another place."""


def variables(site: Site) -> Iterator[Edit]:
    """Read another variable of the function, the more alike the likelier."""
    for node in site.expressions:
        if not isinstance(node, ast.Name) or node.id in ("self", "cls"):
            continue
        is_variable = node.id in site.variables
        others = site.variables if is_variable else _module_names_like(site, node)
        parent = site.source.parents.get(node)
        if isinstance(parent, ast.Call) and parent.func is node and is_variable:
            continue
        for other in others:
            if other != node.id:
                likeness = SequenceMatcher(None, node.id, other).ratio()
                yield from site.swap(node, other, "other variable", 0.12 + 0.25 * likeness**2)


def _module_names_like(site: Site, node: ast.Name) -> list[str]:
    """Return module-level names that resemble one, of the same case."""
    return [
        name
        for name in sorted(site.globals)
        if name.isupper() == node.id.isupper()
        and name[:1].isupper() == node.id[:1].isupper()
        and SequenceMatcher(None, node.id, name).ratio() > 0.6
    ]


def attributes(site: Site) -> Iterator[Edit]:
    """Read another attribute of the same object, as read elsewhere in the file."""
    seen = _attributes_read(site.source)
    for node in site.expressions:
        if not isinstance(node, ast.Attribute):
            continue
        parent = site.source.parents.get(node)
        called = isinstance(parent, ast.Call) and parent.func is node
        span = site.source.span(node)
        for other, other_called in seen.get(ast.unparse(node.value), {}).items():
            if other != node.attr and other_called == called and span:
                likeness = SequenceMatcher(None, node.attr, other).ratio()
                cut = (span[1] - len(node.attr), span[1])
                yield from site.edit([(cut, other)], "other attribute", 0.06 + 0.25 * likeness**2)


@lru_cache(maxsize=16)
def _attributes_read(source: Source) -> dict[str, dict[str, bool]]:
    """Return the attributes that a file reads of each object, and whether it calls them."""
    seen: dict[str, dict[str, bool]] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute):
            called = isinstance(parent := source.parents.get(node), ast.Call) and parent.func is node
            seen.setdefault(ast.unparse(node.value), {})[node.attr] = called
    return seen


def expressions(site: Site) -> Iterator[Edit]:
    """Put an expression found in the function, or in one beside it, in another one's place."""
    pool = expressions_nearby(site)
    for node in site.expressions:
        kind = _slot(site, node)
        if not kind or isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        text = site.text(node)
        if len(text) > 2 * _SMALL:
            continue
        for other, (prior, slots) in pool.items():
            if other != text and not (isinstance(node, ast.Name) and other.isidentifier()):
                fits = 1.0 if kind in slots else 0.4
                yield from site.swap(node, other, "expression from nearby", prior * fits)


def expressions_nearby(site: Site) -> dict[str, tuple[float, set[str]]]:
    """Return small expressions that can be read here, each with its weight and the places it fills."""
    found: dict[str, tuple[float, set[str]]] = {}

    def collect(place: Site, prior: float) -> None:
        for node in place.expressions:
            if isinstance(node, ast.Constant | ast.JoinedStr | ast.Lambda):
                continue
            text, kind = place.text(node), _slot(place, node)
            if not kind or len(text) > _SMALL or "\n" in text or text in ("self", "cls"):
                continue
            if place is not site and not site.visible(node):
                continue
            if place is not site and not any(
                isinstance(n, ast.Name) and (n.id in site.variables or n.id == "self") for n in ast.walk(node)
            ):
                continue
            weight, slots = found.get(text, (prior, set()))
            found[text] = (weight, slots | {kind})

    collect(Site(site.source, site.node, site.qualified), 0.15)
    for sibling in site.siblings[:10]:
        collect(sibling, 0.06)
    for name in (*site.variables, *site.attributes):
        found.setdefault(name, (0.06, {"argument", "value"}))
    return found


def _slot(site: Site, node: ast.expr) -> str:
    """Name the kind of place an expression stands in, empty where none should be put in its stead."""
    parent = site.source.parents.get(node)
    match parent:
        case ast.Call() if node is not parent.func:
            return "argument"
        case ast.keyword():
            return "argument"
        case ast.Return() | ast.Assign() | ast.Yield() | ast.AugAssign() | ast.AnnAssign():
            return "value"
        case ast.Subscript(slice=index) if index is node:
            return "index"
        case ast.Slice():
            return "index"
        case ast.Compare():
            return "compared"
        case ast.BinOp() | ast.FormattedValue() | ast.List() | ast.Tuple() | ast.Dict():
            return "operand"
        case ast.For(iter=value) | ast.comprehension(iter=value) if value is node:
            return "looped"
        case ast.IfExp(test=test) if test is not node:
            return "value"
        case _:
            return ""


def positional_only(site: Site) -> Iterator[Edit]:
    """Mark leading parameters as positional-only, so that a caller's keywords may have their names."""
    for node in (site.node, *site.nodes):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.args.posonlyargs:
            continue
        if node.args.kwarg is None:
            continue
        for place, argument in enumerate(node.args.args):
            if (span := site.source.span(argument)) is None:
                continue
            near = 0.5 if place == len(node.args.args) - 1 else 0.3
            yield from site.edit([((span[1], span[1]), ", /")], "positional-only marker", near)


def parameters(site: Site) -> Iterator[Edit]:
    """Change a parameter's default."""
    node = site.node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    for default in (*node.args.defaults, *(value for value in node.args.kw_defaults if value)):
        text = site.text(default)
        for other in ("None", "True", "False", "''", "()", "0", "1"):
            if other != text:
                yield from site.edit([(default, other)], "default changed", 0.06)


def decorators(site: Site) -> Iterator[Edit]:
    """Leave a decorator out."""
    node = site.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        for decorator in node.decorator_list:
            span = site.source.line_span(decorator.lineno, decorator.end_lineno or decorator.lineno)
            yield from site.edit([(span, "")], "decorator removed", 0.05)


OPERATORS = (variables, attributes, expressions, positional_only, parameters, decorators)
