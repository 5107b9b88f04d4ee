"""Constants: numbers by one and by sign, truth values, None, and strings that the issue shows otherwise."""

from __future__ import annotations

import ast
from dataclasses import replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.models.repair.edits import Edit
    from agent.models.repair.scope import Site


def numbers(site: Site) -> Iterator[Edit]:
    """Change a number by one, to zero, or in sign; add or take one from an index, bound or argument."""
    for node in site.expressions:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            value = node.value
            if isinstance(value, bool):
                continue
            for rank, other in enumerate((value + 1, value - 1, 0, -value, 2 * value)):
                if other != value:
                    yield from site.swap(node, repr(other), "number", 0.3 if rank < 2 else 0.1)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            for step in ("+ 1", "- 1"):
                yield from site.swap(node, f"{site.operand(node, 11)} {step}", "off by one", 0.12)
            yield from _dropped_one(site, node)
        elif _countable(site, node):
            for step in ("+ 1", "- 1"):
                yield from site.swap(node, f"{site.operand(node, 11)} {step}", "off by one", 0.15)


def members(site: Site) -> Iterator[Edit]:
    """Add the next number, or a text that the issue shows, to a collection of constants."""
    for node in site.expressions:
        if not isinstance(node, ast.Tuple | ast.List | ast.Set) or len(node.elts) < 2:
            continue
        text = site.text(node)
        if text[-1] not in ")]}":
            continue
        inside = text[:-1].rstrip().rstrip(",")
        for value in _further(node.elts, site.hints.texts):
            yield from site.swap(node, f"{inside}, {value}{text[-1]}", "member added", 0.2)


def _further(elements: Sequence[ast.expr], shown: Sequence[str]) -> list[str]:
    """Return what a collection of numbers, or of texts, may lack, as it is written."""
    values = [one.value for one in elements if isinstance(one, ast.Constant)]
    whole = [value for value in values if type(value) is int]
    texts = [value for value in values if isinstance(value, str)]
    if len(whole) == len(elements):
        return [repr(max(whole) + 1), repr(min(whole) - 1)]
    if len(texts) == len(elements):
        return [repr(text) for text in shown if len(text) <= 20 and text not in texts][:3]
    return []


def _dropped_one(site: Site, node: ast.BinOp) -> Iterator[Edit]:
    if isinstance(node.right, ast.Constant) and node.right.value == 1:
        yield from site.swap(node, site.text(node.left), "off by one", 0.25)


def _countable(site: Site, node: ast.expr) -> bool:
    """Whether an expression may be a number, by where it stands."""
    if not isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
        return False
    parent = site.source.parents.get(node)
    if isinstance(parent, ast.Compare):
        return any(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in parent.ops)
    if isinstance(parent, ast.Slice | ast.BinOp):
        return not (isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mod))
    if isinstance(parent, ast.Subscript):
        return parent.slice is node
    if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
        return parent.func.id in ("range", "islice", "take") and node is not parent.func
    return isinstance(parent, ast.Call) and node in parent.args[1:]


_LEAST = {"+": 11, "-": 11, "**": 15}
"""How strongly the left side of an operator must hold together; 12 of all others."""


def arithmetic(site: Site) -> Iterator[Edit]:
    """Exchange an arithmetic operator, its sides, or leave one side out."""
    signs = {
        "+": ("-", "*"),
        "-": ("+", "/"),
        "*": ("//", "+", "/", "**"),
        "/": ("//", "*"),
        "//": ("/", "%"),
        "%": ("//", "/"),
        "**": ("*",),
        "|": ("&",),
        "&": ("|",),
        "<<": (">>",),
        ">>": ("<<",),
    }
    names = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%"}
    names |= {ast.Pow: "**"}
    bits = {ast.BitOr: "|", ast.BitAnd: "&", ast.LShift: "<<", ast.RShift: ">>"}
    for node in site.expressions:
        if not isinstance(node, ast.BinOp):
            continue
        sign = {**names, **bits}.get(type(node.op))
        if sign is None or (sign == "%" and isinstance(node.left, ast.Constant | ast.JoinedStr)):
            continue
        left, right = site.operand(node.left, 12), site.operand(node.right, 13)
        for place, other in enumerate(signs[sign]):
            least = _LEAST.get(other, 12)
            both = f"{site.operand(node.left, least)} {other} {site.operand(node.right, least + 1)}"
            yield from site.swap(node, both, "arithmetic", 0.1 if place else 0.2)
        yield from site.swap(node, f"{right} {sign} {left}", "operands swapped", 0.12)
        for side in (node.left, node.right):
            yield from site.swap(node, site.text(side), "operand left out", 0.15)
    for statement in site.nodes:
        if isinstance(statement, ast.AugAssign) and (span := site.source.span(statement)):
            update = {**names, **bits}.get(type(statement.op), "")
            target, value = site.text(statement.target), site.text(statement.value)
            if update in signs:
                for place, other in enumerate(signs[update]):
                    prior = 0.08 if place else 0.15
                    yield from site.edit([(span, f"{target} {other}= {value}")], "arithmetic", prior)
            yield from site.edit([(span, f"{target} = {value}")], "assignment for update", 0.1)


def values(site: Site) -> Iterator[Edit]:
    """Exchange True, False, None and empty values for each other."""
    empty = ("None", "''", "()", "[]", "{}")
    for node in site.expressions:
        text = site.text(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield from site.swap(node, str(not node.value), "truth value", 0.4)
            yield from site.swap(node, "None", "truth value", 0.1)
        elif (isinstance(node, ast.Constant) and node.value in (None, "")) or text in empty:
            if isinstance(site.source.parents.get(node), ast.Compare):
                continue
            for other in (*empty, "False", "0"):
                if other != text and text != other.replace("'", '"'):
                    yield from site.swap(node, other, "empty value", 0.1)


def strings(site: Site) -> Iterator[Edit]:
    """Change a string in white space, case or ends, or to what the issue shows in its stead."""
    for node in site.expressions:
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)) or _in_fstring(site, node):
            continue
        value = node.value
        for other, prior in _tweaks(value):
            if other != value:
                yield from site.swap(node, _like(site.text(node), other), "string", prior)
        for text, prior in shown_instead(value, site.hints.texts):
            yield from site.swap(node, _like(site.text(node), text), "string as the issue shows it", prior)


def alternatives(site: Site) -> Iterator[Edit]:
    """Give another string, as the issue shows it, where a value in scope is true; at every such string."""
    found = [
        (node, shown[0][0])
        for node in replace(site, executed=None).expressions
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and not _in_fstring(site, node)
        and (shown := shown_instead(node.value, site.hints.texts))
    ]
    named = {name.rpartition(".")[2] for name in site.hints.names}
    for condition in (*site.variables, *site.attributes):
        prior = 0.3 if condition.rpartition(".")[2] in named else 0.08
        for form in ("{1} if {2} else {0}", "{0} if {2} else {1}"):
            cuts: list[tuple[ast.AST | tuple[int, int], str]] = []
            for node, other in found:
                old = site.text(node)
                text = form.format(old, _like(old, other), condition)
                cuts.append((node, site.source.wrapped(text, node)))
                yield from site.edit([cuts[-1]], "other string under a condition", prior)
            if len(cuts) > 1:
                yield from site.edit(cuts, "other strings under a condition", prior * 1.2)


def shown_instead(value: str, texts: tuple[str, ...]) -> list[tuple[str, float]]:
    """Return texts close to a string, or the part of a longer text that is, the closest first."""
    if len(value) < 4 or not any(c.isalpha() for c in value):
        return []
    found: dict[str, float] = {}
    for text in texts:
        for part in {text, _closest_part(value, text)}:
            if part and part != value and abs(len(part) - len(value)) <= max(6, len(value) // 2):
                ratio = SequenceMatcher(None, value, part, autojunk=False).ratio()
                if ratio > 0.7:
                    found[part] = max(found.get(part, 0.0), 0.3 * ratio**2)
    return sorted(found.items(), key=lambda item: (-item[1], item[0]))[:4]


def _closest_part(value: str, text: str) -> str:
    """Return the stretch of words of a text that resembles a string most."""
    words = text.split(" ")
    count = len(value.split(" "))
    parts = (" ".join(words[i : i + count]) for i in range(max(0, len(words) - count) + 1))
    return max(parts, key=lambda part: SequenceMatcher(None, value, part, autojunk=False).ratio(), default="")


def _tweaks(value: str) -> Iterator[tuple[str, float]]:
    yield value.strip(), 0.15
    if len(value) > 1:
        yield value[:-1], 0.08
        yield value[1:], 0.08
    yield value + " ", 0.05
    yield value + "\n", 0.05
    if 0 < len(value) < 12:
        yield value.lower(), 0.08
        yield value.upper(), 0.05
    if len(value) == 1:
        yield value * 2, 0.04
    yield "", 0.06
    for quoted in ("'%s'", '"%s"', "'{}'", '"{}"'):
        if quoted in value:
            yield value.replace(quoted, quoted[1:-1]), 0.15
            yield value.replace(quoted, "%r" if "%" in quoted else "{!r}"), 0.15
    for conversion, other in (("%s", "%r"), ("%r", "%s"), ("%d", "%s"), ("{}", "{!r}"), ("{!r}", "{}")):
        if conversion in value:
            yield value.replace(conversion, other), 0.12


def _like(old: str, value: str) -> str:
    """Return a string literal with the quotes of another one where they serve."""
    quote = '"' if old.rstrip().endswith('"') else "'"
    text = repr(value)
    if text[0] != quote and quote not in value and "\\" not in text:
        text = f"{quote}{value}{quote}"
    prefix = old[: len(old) - len(old.lstrip("bBuUrRfF"))].lower()
    return f"b{text}" if "b" in prefix else text


def _in_fstring(site: Site, node: ast.AST) -> bool:
    return isinstance(site.source.parents.get(node), ast.JoinedStr)


def formatting(site: Site) -> Iterator[Edit]:
    """Give a value in an f-string as its repr or no longer so, or join it where it is a sequence."""
    for node in site.nodes:
        if not isinstance(node, ast.FormattedValue) or node.format_spec is not None:
            continue
        span = site.source.span(node.value)
        if span is None:
            continue
        after = site.source.text[span[1] : span[1] + 2]
        if node.conversion == -1:
            yield from site.edit([((span[1], span[1]), "!r")], "format conversion", 0.12)
        elif after in ("!r", "!s", "!a"):
            yield from site.edit([((span[1], span[1] + 2), "")], "format conversion", 0.12)
        yield from site.edit(
            [((span[0], span[1]), f"{site.text(node.value)} or ''")], "empty text for nothing", 0.1
        )


OPERATORS = (members, numbers, arithmetic, values, strings, alternatives, formatting)
