"""Calls: a sibling method, a call added or taken away, arguments added, dropped, swapped or passed on."""

from __future__ import annotations

import ast
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.models.repair.edits import Edit
    from agent.models.repair.scope import Site
    from agent.models.repair.source import Source

_FAMILIES = (
    ("split", "rsplit", "partition", "rpartition", "splitlines"),
    ("find", "rfind", "index", "rindex"),
    ("strip", "lstrip", "rstrip"),
    ("removeprefix", "lstrip"),
    ("removesuffix", "rstrip"),
    ("startswith", "endswith"),
    ("lower", "casefold", "upper"),
    ("min", "max"),
    ("any", "all"),
    ("append", "extend", "add", "update"),
    ("update", "setdefault"),
    ("pop", "get", "popleft"),
    ("remove", "discard"),
    ("sorted", "list"),
    ("sort", "reverse"),
    ("keys", "values", "items"),
    ("match", "fullmatch", "search"),
    ("isdigit", "isdecimal", "isnumeric", "isalnum"),
    ("isinstance", "issubclass"),
    ("str", "repr"),
    ("int", "float", "round"),
    ("list", "tuple", "set"),
    ("floor", "ceil"),
    ("copy", "deepcopy"),
    ("encode", "decode"),
    ("getattr", "hasattr"),
    ("read", "readline", "readlines"),
    ("group", "groups", "groupdict"),
    ("join", "format"),
    ("zip", "zip_longest"),
    ("insert", "append"),
    ("abspath", "realpath", "normpath"),
    ("quote", "quote_plus"),
    ("dumps", "dump"),
    ("loads", "load"),
)


def sibling_methods(site: Site) -> Iterator[Edit]:
    """Call a sibling of the method or function that is called."""
    for node in site.expressions:
        if not isinstance(node, ast.Call):
            continue
        name = called(node)
        for family in _FAMILIES:
            if name in family:
                for other in family:
                    if other != name:
                        yield from _renamed(site, node, other, 0.5)


def _renamed(site: Site, node: ast.Call, name: str, prior: float) -> Iterator[Edit]:
    span = site.source.span(node.func)
    if span is None:
        return
    if isinstance(node.func, ast.Attribute):
        span = (span[1] - len(node.func.attr), span[1])
    yield from site.edit([(span, name)], "sibling method", prior)


def called(node: ast.Call) -> str:
    """Return the last name of what is called, empty where it has none."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


_WRAPPERS = (
    "str({})",
    "list({})",
    "tuple({})",
    "int({})",
    "repr({})",
    "sorted({})",
    "set({})",
    "bool({})",
    "map(int, {})",
)
_METHODS = ("strip()", "lower()", "rstrip()", "lstrip()", "copy()")
_METHODS_WITH = ("strip({})", "rstrip({})", "lstrip({})", "removesuffix({})", "removeprefix({})")
_MOST_ARGUMENTS = 4


def call_added(site: Site) -> Iterator[Edit]:
    """Convert, strip or copy a value that is returned, assigned, passed, looped over or compared."""
    for node in site.expressions:
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.Lambda | ast.BoolOp) or not _is_value(
            site, node
        ):
            continue
        text = site.text(node)
        if isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)):
            continue
        for wrapper in _WRAPPERS:
            if not text.startswith(wrapper[:-3]):
                yield from site.swap(node, wrapper.format(text), "call added", 0.12)
        for method in (*_METHODS, *_with_parameters(site, text)):
            yield from site.swap(node, f"{site.operand(node, 16)}.{method}", "call added", 0.1)
        if isinstance(site.source.parents.get(node), ast.For | ast.comprehension):
            yield from site.swap(node, f"{text} or ()", "nothing to loop over", 0.15)


def _with_parameters(site: Site, value: str) -> list[str]:
    """Return calls that take away from a text what a parameter says."""
    names = [name for name in site.parameters if name != value][:_MOST_ARGUMENTS]
    return [method.format(name) for name in names for method in _METHODS_WITH]


def _is_value(site: Site, node: ast.expr) -> bool:
    match site.source.parents.get(node):
        case ast.Return() | ast.Assign() | ast.keyword() | ast.FormattedValue() | ast.Compare() | ast.Yield():
            return True
        case ast.Call() as call:
            return node is not call.func
        case ast.For(iter=value) | ast.comprehension(iter=value) | ast.Subscript(slice=value):
            return value is node
        case ast.Attribute():
            return isinstance(node, ast.Name | ast.Attribute | ast.Subscript)
        case ast.List() | ast.Tuple() | ast.Dict() | ast.BinOp():
            return True
        case _:
            return False


def call_removed(site: Site) -> Iterator[Edit]:
    """Put the argument in a call's place, or the value in place of its method's result; also file-wide."""
    for node in site.expressions:
        if not isinstance(node, ast.Call):
            continue
        if len(node.args) == 1 and not node.keywords and not isinstance(node.args[0], ast.Starred):
            yield from site.swap(node, site.text(node.args[0]), "call removed", 0.3)
            yield from _removed_everywhere(site, node)
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.expr):
            yield from site.swap(node, site.text(node.func.value), "method call removed", 0.2)


def _removed_everywhere(site: Site, call: ast.Call) -> Iterator[Edit]:
    """Remove a call from every place of the file where it has the same argument in the same kind of place."""
    similar = [
        node
        for node in _calls_by_text(site.source).get(ast.unparse(call), ())
        if type(site.source.parents.get(node)) is type(site.source.parents.get(call))
    ]
    if 1 < len(similar) < 8:
        cuts = [(node, site.source.wrapped(site.text(node.args[0]), node)) for node in similar]
        yield from site.edit(list(cuts), "call removed everywhere", 0.35)


@lru_cache(maxsize=16)
def _calls_by_text(source: Source) -> dict[str, list[ast.Call]]:
    """Return the calls of one argument in a file, by what they say."""
    found: dict[str, list[ast.Call]] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
            found.setdefault(ast.unparse(node), []).append(node)
    return found


def arguments_passed_on(site: Site) -> Iterator[Edit]:
    """Pass a variable in scope on to a callee that takes a parameter of its name."""
    for node in site.expressions:
        if not isinstance(node, ast.Call):
            continue
        given = {keyword.arg for keyword in node.keywords}
        accepted = site.hints.signatures.get(called(node), ())
        variables = (*site.variables, *site.attributes)
        for name in variables:
            bare = name.rpartition(".")[2]
            if bare in given or bare not in accepted or _passes(node, name):
                continue
            yield from _with_argument(site, node, f"{bare}={name}", 0.6)
        missing = [
            f"{name}={name}"
            for name in site.variables
            if name in accepted and name not in given and not _passes(node, name)
        ]
        if len(missing) > 1:
            yield from _with_argument(site, node, ", ".join(missing), 0.4)
        if None not in given and site.node in site.functions:
            arguments = site.functions[0].args
            if arguments.kwarg and arguments.kwarg.arg not in site.locals:
                yield from _with_argument(site, node, f"**{arguments.kwarg.arg}", 0.15)


def _passes(call: ast.Call, name: str) -> bool:
    every = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(ast.unparse(argument) == name for argument in every)


def _with_argument(site: Site, node: ast.Call, argument: str, prior: float) -> Iterator[Edit]:
    span = site.source.span(node)
    if span is None or site.source.text[span[1] - 1] != ")":
        return
    last = max((site.source.span(a) or (0, 0) for a in (*node.args, *node.keywords)), default=(0, 0))[1]
    if not node.args and not node.keywords:
        yield from site.edit([((span[1] - 1, span[1] - 1), argument)], "argument passed on", prior)
    elif last:
        yield from site.edit([((last, last), f", {argument}")], "argument passed on", prior)


def arguments_changed(site: Site) -> Iterator[Edit]:
    """Swap neighbouring arguments, drop one, add a variable as the last one or a default to a lookup."""
    for node in site.expressions:
        if not isinstance(node, ast.Call):
            continue
        for one, other in pairwise(node.args):
            cuts = [(one, site.text(other)), (other, site.text(one))]
            yield from site.edit(cuts, "arguments swapped", 0.25)
        given: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
        for argument in given:
            yield from _without_argument(site, node, argument)
        if called(node) in ("get", "pop", "next", "getattr", "max", "min", "first"):
            for default in ("None", "''", "()", "0"):
                key = "default=" if called(node) in ("max", "min") else ""
                yield from _with_argument(site, node, f"{key}{default}", 0.2)
        if called(node) in ("split", "rsplit", "replace", "sub"):
            yield from _with_argument(site, node, "1", 0.25)
        if called(node) in ("split", "rsplit", "partition", "rpartition") and len(node.args) == 2:
            yield from _without_argument(site, node, node.args[1], 0.3)
        if called(node) in ("open", "read_text", "write_text") and not any(
            k.arg == "encoding" for k in node.keywords
        ):
            yield from _with_argument(site, node, 'encoding="utf-8"', 0.3)
        if called(node) == "zip":
            yield from _with_argument(site, node, "strict=True", 0.05)
        for name in site.parameters:
            if not _passes(node, name) and len(node.args) < 3 and not node.keywords:
                yield from _with_argument(site, node, name, 0.08)


def _without_argument(
    site: Site, call: ast.Call, argument: ast.expr | ast.keyword, prior: float = 0.15
) -> Iterator[Edit]:
    every = sorted((*call.args, *call.keywords), key=lambda node: site.source.span(node) or (0, 0))
    place = every.index(argument)
    spans = [site.source.span(node) for node in every]
    mine = spans[place]
    before = spans[place - 1] if place else None
    after = spans[place + 1] if place + 1 < len(spans) else None
    if mine is None:
        return
    if before is not None:
        mine = (before[1], mine[1])
    elif after is not None:
        mine = (mine[0], after[0])
    yield from site.edit([(mine, "")], "argument dropped", prior)


OPERATORS = (sibling_methods, call_added, call_removed, arguments_passed_on, arguments_changed)
