"""Conditions: comparisons, truth against None, conjuncts added, dropped, negated or borrowed."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.edits import Edit
    from agent.models.repair.scope import Site

_COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">", ">=", "!="),
    ast.LtE: ("<", ">=", "==", ">"),
    ast.Gt: (">=", "<", "<=", "!="),
    ast.GtE: (">", "<=", "==", "<"),
    ast.Eq: ("!=", "is", "in", ">=", "<="),
    ast.NotEq: ("==", "is not", "not in", "<", ">"),
    ast.Is: ("is not", "=="),
    ast.IsNot: ("is", "!="),
    ast.In: ("not in", "=="),
    ast.NotIn: ("in", "!="),
}
_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}


def comparisons(site: Site) -> Iterator[Edit]:
    """Exchange one comparison operator for another, or the sides of an ordering."""
    for node in site.expressions:
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            continue
        left, right = site.operand(node.left), site.operand(node.comparators[0])
        kind = type(node.ops[0])
        for rank, sign in enumerate(_COMPARISONS[kind]):
            yield from site.swap(node, f"{left} {sign} {right}", "comparison", 0.5 if rank == 0 else 0.2)


def truth(site: Site) -> Iterator[Edit]:
    """Exchange `x`, `x is not None` and `len(x)` as tests of x, one by one and wherever x is tested."""
    tests = [(subject, node, form) for node in tested(site) for subject, form in [subject_of(node)]]
    tests.sort(key=lambda test: ast.dump(test[0]))
    for _, group in groupby(tests, key=lambda test: ast.dump(test[0])):
        similar = list(group)
        for subject, node, form in similar:
            for text in _other_forms(site.operand(subject, 14), form):
                yield from site.swap(node, text, "truth test", 0.7)
        if len(similar) > 1:
            yield from _everywhere(site, similar)


def _everywhere(site: Site, tests: list[tuple[ast.expr, ast.expr, str]]) -> Iterator[Edit]:
    """Test x the same way at every place: all by truth, or all by None."""
    for wanted, unwanted in (("{}", "{} is not None"), ("{} is not None", "{}")):
        cuts: list[tuple[ast.AST | tuple[int, int], str]] = []
        for subject, node, form in tests:
            text = site.operand(subject, 14)
            if form == unwanted:
                cuts.append((node, site.source.wrapped(wanted.format(text), node)))
            elif form == _NEGATED[unwanted]:
                cuts.append((node, site.source.wrapped(_NEGATED[wanted].format(text), node)))
        if len(cuts) > 1:
            yield from site.edit(cuts, "truth tests of one value", 0.8)


_NEGATED = {"{}": "not {}", "{} is not None": "{} is None"}
_FORMS = {
    "{}": ("{} is not None", "not {}"),
    "not {}": ("{} is None", "{}"),
    "{} is not None": ("{}", "{} is None"),
    "{} is None": ("not {}", "{} is not None"),
    "len({})": ("{} is not None",),
}


def _other_forms(subject: str, form: str) -> list[str]:
    return [other.format(subject) for other in _FORMS.get(form, ())]


def subject_of(test: ast.expr) -> tuple[ast.expr, str]:
    """Return what a condition tests, and the form in which it does."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand, "not {}"
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return left, "{} is None"
        case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return left, "{} is not None"
        case ast.Call(func=ast.Name(id="len"), args=[argument]):
            return argument, "len({})"
        case _:
            return test, "{}"


def tested(site: Site) -> Iterator[ast.expr]:
    """Yield every expression whose truth decides something, conjuncts and negated ones included."""
    pending: list[ast.expr] = []
    for node in site.nodes:
        match node:
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test):
                pending.append(test)
            case ast.comprehension(ifs=ifs):
                pending.extend(ifs)
            case ast.BoolOp() if not isinstance(site.source.parents.get(node), ast.BoolOp):
                pending.append(node)
    seen: set[ast.expr] = set()
    while pending:
        test = pending.pop(0)
        if test in seen:
            continue
        seen.add(test)
        if isinstance(test, ast.BoolOp):
            pending = [*test.values, *pending]
        else:
            if (
                isinstance(test, ast.UnaryOp)
                and isinstance(test.op, ast.Not)
                and isinstance(test.operand, ast.BoolOp)
            ):
                pending.insert(0, test.operand)
            yield test


def whole_tests(site: Site) -> Iterator[ast.expr]:
    """Yield the whole conditions of the site."""
    for node in site.nodes:
        match node:
            case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test):
                yield test
            case ast.comprehension(ifs=ifs):
                yield from ifs
            case ast.Return(value=ast.BoolOp() | ast.Compare() as value):
                yield value


def conjuncts(site: Site) -> Iterator[Edit]:
    """Drop or negate a part of a condition, exchange `and` for `or`, negate the whole."""
    for node in site.expressions:
        if not isinstance(node, ast.BoolOp):
            continue
        sign = " or " if isinstance(node.op, ast.And) else " and "
        yield from site.swap(node, sign.join(site.operand(v, 5) for v in node.values), "and/or", 0.35)
        word = " and " if isinstance(node.op, ast.And) else " or "
        for value in node.values:
            kept = [site.text(other) for other in node.values if other is not value]
            yield from site.swap(node, word.join(kept), "condition weakened", 0.35)
            if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not):
                yield from site.swap(value, site.text(value.operand), "negation", 0.3)
            else:
                yield from site.swap(value, f"not {site.operand(value, 6)}", "negation", 0.2)
        first = node.values[0]
        if len(node.values) == 2 and not isinstance(first, ast.BoolOp):
            swapped = word.join(site.operand(v, 5) for v in reversed(node.values))
            yield from site.swap(node, swapped, "conjuncts reordered", 0.1)
    for test in whole_tests(site):
        yield from site.swap(test, f"not {site.operand(test, 6)}", "negation", 0.25)
        for constant in ("True", "False"):
            if not isinstance(test, ast.Constant):
                yield from site.swap(test, constant, "condition fixed", 0.05)


def strengthened(site: Site) -> Iterator[Edit]:
    """Add a condition found nearby to a condition, with `and` or `or`."""
    near = conditions_nearby(site)
    for test in whole_tests(site):
        parts = test.values if isinstance(test, ast.BoolOp) else [test]
        held = {ast.dump(part) for part in parts}
        own = names_read(test)
        for near_by in near:
            if near_by.dump in held:
                continue
            weight = near_by.prior * (1.0 if near_by.names & own else 0.5)
            strict = f"{near_by.text} and {site.operand(test, 5)}"
            loose = f"{near_by.text} or {site.operand(test, 4)}"
            yield from site.swap(test, strict, "condition strengthened", weight)
            yield from site.swap(test, loose, "condition weakened", weight * 0.7)
    for test in tested(site):
        own_dump = ast.dump(test)
        for near_by in near:
            if near_by.dump != own_dump:
                yield from site.swap(test, near_by.text, "condition replaced", near_by.prior * 0.35)


MOST_NEARBY = 90


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that can be read at a site, and how much it recommends itself."""

    text: str
    prior: float
    names: frozenset[str]
    dump: str


@lru_cache(maxsize=64)
def conditions_nearby(site: Site) -> tuple[Condition, ...]:
    """Return conditions that can be read here, those first that recommend themselves most."""
    found = sorted(_conditions(site), key=lambda pair: -pair[1])[:MOST_NEARBY]
    parsed = [(text, prior, ast.parse(text, mode="eval").body) for text, prior in found]
    return tuple(Condition(text, prior, names_read(node), ast.dump(node)) for text, prior, node in parsed)


def names_read(node: ast.AST) -> frozenset[str]:
    """Return the variables and attributes that a node, its blocks left out, reads or assigns."""
    blocks = [getattr(node, name, None) for name in ("body", "orelse", "finalbody", "handlers")]
    inner = {id(part) for block in blocks if isinstance(block, list) for part in block}
    found: set[str] = set()
    pending = [node]
    while pending:
        here = pending.pop()
        if isinstance(here, ast.Name):
            found.add(here.id)
        elif isinstance(here, ast.Attribute):
            found.add(here.attr)
        pending.extend(child for child in ast.iter_child_nodes(here) if id(child) not in inner)
    return frozenset(found - {"self", "cls"})


def _conditions(site: Site) -> Iterator[tuple[str, float]]:
    seen: set[str] = set()

    def fresh(text: str) -> bool:
        known = text in seen
        seen.add(text)
        return not known

    for test in tested(site):
        text = site.text(test)
        if site.visible(test) and len(text) < 60 and "\n" not in text and fresh(text):
            yield text, 0.3
            subject, form = subject_of(test)
            other = _FORMS.get(form, ("not {}",))[-1].format(site.operand(subject, 14))
            if fresh(other):
                yield other, 0.3
    named = set(site.hints.names)
    for name in (*site.variables, *site.attributes):
        bonus = 1.5 if name.rpartition(".")[2] in named else 1.0
        base = 0.4 if name in site.parameters else 0.25
        for form in ("{}", "not {}", "{} is not None", "{} is None"):
            if fresh(form.format(name)):
                yield form.format(name), base * bonus * (1.0 if "None" not in form else 0.7)
    for text in _kinds(site):
        if fresh(text):
            yield text, 0.3
    for sibling in site.siblings[:12]:
        for test in tested(sibling):
            text = sibling.text(test)
            if len(text) < 50 and "\n" not in text and site.visible(test) and fresh(text):
                yield text, 0.12


_METHODS_OF = {
    "dict": {"get", "items", "keys", "values", "setdefault"},
    "list": {"append", "extend", "insert", "sort"},
    "str": {"lower", "upper", "strip", "split", "startswith", "endswith", "replace", "encode"},
}


def _kinds(site: Site) -> Iterator[str]:
    """Yield tests whether a variable lacks the type whose methods are called on it."""
    for node in site.expressions:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            for kind, methods in _METHODS_OF.items():
                if node.attr in methods and node.value.id in site.variables:
                    yield f"not isinstance({node.value.id}, {kind})"


OPERATORS = (comparisons, truth, conjuncts, strengthened)
