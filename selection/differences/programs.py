"""Small programs that call what candidates change, from tests and the issue, varied in one value.

A literal in a program that works carries the type and the range that a function takes, so no signature has
to be guessed: each variation replaces one literal by a neighbour of its own type, by an empty one, or by
None.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from agent.models.repair.markdown import read_blocks
from agent.models.repair.snippets import read_snippets

LONGEST = 6_000
"""Characters of a program."""
CALLERS = 3
"""Steps from what changes up to what calls it."""
OF_EACH = 12
"""Variations of one program at most."""
_AS_IPYTHON = " " * len("In [1]: ")


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run: its source, where it is from, and what was varied in it; empty for the original."""

    source: str
    origin: str
    varied: str = ""


def changed_names(before: Mapping[str, str], after: Mapping[str, str]) -> frozenset[str]:
    """Return the names of what differs between two states of Python files, and of what calls it there.

    For a method the name of its class is among them, for it may be called under another's name. Callers count
    within the same file, through a few of them: what tests call is often a step or two above what changes.
    """
    names: set[str] = set()
    for path in {*before, *after}:
        old, new = _definitions(before.get(path, "")), _definitions(after.get(path, ""))
        changed = {name for name in {*old, *new} if _code(old.get(name)) != _code(new.get(name))}
        reached = {part for name in changed for part in name.split(".")} - {"__init__"}
        for _ in range(CALLERS):
            reached |= {
                part
                for name, node in new.items()
                if _names_in(node) & reached
                for part in name.split(".")
                if part != "__init__"
            }
        names |= reached
    return frozenset(names)


def harvest(tests: Mapping[str, str], shown: Iterable[Program], names: Iterable[str]) -> tuple[Program, ...]:
    """Return the programs that name something of `names`, those shown by the issue first.

    Args:
        tests: existing test files by path; of them each test function without fixtures is a program.
        shown: the programs of the issue.
        names: functions, methods and classes.
    """
    wanted = frozenset(names)
    found = [
        *shown,
        *(one for path, text in sorted(tests.items()) for one in _of_tests(path, text)),
    ]
    return tuple(
        one for one in found if len(one.source) <= LONGEST and _names_in(ast.parse(one.source)) & wanted
    )


def varied(programs: Sequence[Program], most: int, seed: int = 0) -> tuple[Program, ...]:
    """Return programs and their variations, the originals first, then variations of each in turn.

    The same programs and seed give the same variations.
    """
    ways = [_variations(one, random.Random(f"{seed}:{one.source}")) for one in programs]
    found = list(programs)
    for turn in range(OF_EACH):
        found += [way[turn] for way in ways if turn < len(way)]
    distinct = {one.source: one for one in reversed(found)}
    return tuple(one for one in found if distinct.get(one.source) is one)[:most]


def _definitions(text: str) -> dict[str, ast.AST]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[str, ast.AST] = {}

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                found[prefix + child.name] = child
            elif isinstance(child, ast.ClassDef):
                walk(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.Assign) and isinstance(child.targets[0], ast.Name):
                found[prefix + child.targets[0].id] = child

    walk(tree, "")
    return found


def _code(node: ast.AST | None) -> str:
    return ast.dump(node) if node is not None else ""


def issue_programs(issue: str) -> Iterator[Program]:
    """Yield the programs that an issue shows, and at the end all of them together."""
    sources: list[str] = []
    for snippet in read_snippets(read_blocks(issue)):
        if snippet.kind == "doctest":
            sources.append(_session(snippet.text))
        elif snippet.kind == "script" and not snippet.path:
            sources.append(snippet.text)
    together = "\n".join(sources)
    for text in dict.fromkeys([*sources, together]):
        if _parses(text):
            yield Program(text, "the issue")


def _session(text: str) -> str:
    """Return what was typed in a session; IPython shows further lines of an input without a prompt."""
    typed: list[str] = []
    further: list[str] = []
    inside = False
    for line in text.split("\n"):
        prompted = line.strip().startswith((">>> ", "... "))
        inside = prompted or (inside and line.startswith(_AS_IPYTHON))
        if prompted:
            typed.append(line.strip()[4:])
        if inside:
            further.append(line.strip()[4:] if prompted else line.removeprefix(_AS_IPYTHON))
    whole = "\n".join(further)
    return whole if _parses(whole) else "\n".join(typed)


def _of_tests(path: str, text: str) -> Iterator[Program]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return
    above = [node for node in tree.body if not _is_test(node)]
    head = [node for node in above if not _runs(node)]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _is_test(node) and not _arguments(node, 0):
            yield _program(head, node.body, f"{path}::{node.name}")
        elif isinstance(node, ast.ClassDef) and _is_test(node):
            for one in node.body:
                if _stands_alone(one):
                    yield _program(head, one.body, f"{path}::{node.name}::{one.name}")


def _stands_alone(node: ast.stmt) -> TypeGuard[ast.FunctionDef]:
    """Whether a method is a test that needs nothing of its class."""
    if not isinstance(node, ast.FunctionDef) or not node.name.startswith("test") or _arguments(node, 1):
        return False
    return not any(isinstance(name, ast.Name) and name.id == "self" for name in ast.walk(node))


def _program(head: Sequence[ast.stmt], body: Sequence[ast.stmt], origin: str) -> Program:
    tree = ast.Module(body=[*head, *body], type_ignores=[])
    return Program(ast.unparse(ast.fix_missing_locations(tree)), origin)


def _is_test(node: ast.stmt) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name.startswith("test")
    return isinstance(node, ast.ClassDef) and node.name.startswith("Test")


def _runs(node: ast.stmt) -> bool:
    """Whether a statement of a test module does something that a program has no use for."""
    return isinstance(node, ast.Expr | ast.If) or any(
        isinstance(name, ast.Name) and name.id in {"pytestmark", "unittest"} for name in ast.walk(node)
    )


def _arguments(node: ast.FunctionDef, own: int) -> bool:
    """Whether a test function takes fixtures, or is decorated, or returns: then its body is no program."""
    taken = node.args
    return (
        len(taken.args) > own
        or bool(taken.kwonlyargs or taken.vararg or taken.kwarg or node.decorator_list)
        or any(isinstance(one, ast.Return | ast.Yield | ast.Await) for one in ast.walk(node))
    )


def _names_in(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
    return names


def _variations(program: Program, dice: random.Random) -> list[Program]:
    """Return some programs in which one literal of the program is another; what is asserted stays."""
    tree = ast.parse(program.source)
    kept = {id(part) for node in ast.walk(tree) for side in _expected(node) for part in ast.walk(side)}
    nodes = [node for node in ast.walk(tree) if _may_vary(node)]
    ways = [
        (place, node, new)
        for place, node in enumerate(nodes)
        if id(node) not in kept
        for new in _neighbours(node)
    ]
    found = []
    for place, node, new in dice.sample(ways, min(OF_EACH, len(ways))):
        again = ast.parse(program.source)
        twin = [one for one in ast.walk(again) if _may_vary(one)][place]
        source = ast.unparse(_Replace(twin, new).visit(again))
        if _parses(source):
            found.append(Program(source, program.origin, f"{ast.unparse(node)} -> {ast.unparse(new)}"))
    return found


def _expected(node: ast.AST) -> Sequence[ast.AST]:
    """Return parts that no variation touches: what is expected, and texts with values in them."""
    if isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare):
        return node.test.comparators
    return [node] if isinstance(node, ast.JoinedStr) else []


def _may_vary(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, type(...)) and not (
            isinstance(node.value, str) and len(node.value) > 400
        )
    return isinstance(node, ast.List | ast.Dict | ast.Tuple) and isinstance(
        getattr(node, "ctx", ast.Load()), ast.Load
    )


def _neighbours(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Constant):
        for value in _values(node.value):
            yield ast.Constant(value)
    elif isinstance(node, ast.List | ast.Tuple) and node.elts:
        kind = type(node)
        yield kind(elts=[], ctx=ast.Load())
        yield kind(elts=node.elts[:1], ctx=ast.Load())
        yield kind(elts=node.elts[::-1], ctx=ast.Load())
        yield kind(elts=[*node.elts, node.elts[0]], ctx=ast.Load())
    elif isinstance(node, ast.Dict) and node.keys:
        yield ast.Dict(keys=[], values=[])
        yield ast.Dict(keys=node.keys[:1], values=node.values[:1])


Literal = str | bytes | bool | int | float | None


def _values(value: object) -> tuple[Literal, ...]:
    match value:
        case bool():
            return (not value, None)
        case int():
            return (value + 1, value - 1, 0, -value, 1, None)
        case float():
            return (value + 1.0, -value, 0.0, float(int(value)) if abs(value) < 1e15 else 1.0)
        case str():
            near = (
                value.upper(),
                value + " ",
                f" {value}",
                value + value,
                value[:-1],
                f"{value}\n",
                "é" + value,
            )
            return ("", *(one for one in near if one != value), None)
        case bytes():
            return (b"", value + value, value[:-1])
        case None:
            return (0, "", False)
    return ()


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.expr) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.copy_location(self._new, node) if node is self._old else self.generic_visit(node)


def _parses(text: str) -> bool:
    try:
        return bool(ast.parse(text).body)
    except (SyntaxError, ValueError, RecursionError):
        return False
