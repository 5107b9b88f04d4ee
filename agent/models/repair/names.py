"""Names of a program: which it leaves undefined, and where to borrow them."""

from __future__ import annotations

import ast
import builtins
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from agent.models.repair.programs import Program

_BUILTINS = {*dir(builtins), "__name__", "__file__"}


def loaded_names(tree: ast.AST) -> list[str]:
    """Return the names that are read, in order."""
    return list(
        dict.fromkeys(
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        )
    )


def bound_names(tree: ast.AST) -> set[str]:
    """Return every name that is bound somewhere: assigned, imported, defined, a parameter."""
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.alias):
            bound.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            bound.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            bound.add(node.rest)
    return bound


def undefined_names(source: str) -> list[str]:
    """Return names that are read but never bound, in order."""
    tree = ast.parse(source)
    bound = bound_names(tree) | _BUILTINS
    return [name for name in loaded_names(tree) if name not in bound]


def resolves(source: str, known: set[str]) -> bool:
    """Tell whether an expression parses and reads only known names."""
    try:
        tree = ast.parse(source.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    known = known | bound_names(tree) | _BUILTINS
    return all(name in known for name in loaded_names(tree)) and not any(
        isinstance(node, ast.Constant) and node.value is Ellipsis for node in ast.walk(tree)
    )


def borrow(
    source: str, programs: Sequence[Program], mentioned: Iterable[str], homes: Mapping[str, str]
) -> list[str]:
    """Return statements that define what a source leaves undefined.

    Looked for in this order: imports of any snippet, definitions of any snippet, the given homes, dotted
    names of the prose, modules of the standard library, and last the one other package that is imported.

    Args:
        source: a program.
        programs: all programs of the issue, in order.
        mentioned: names of the prose.
        homes: module of each public name, where known.
    """
    found: list[str] = []
    mentioned = list(mentioned)
    for _ in range(8):
        missing = undefined_names("\n".join([*found, source]))
        added = [
            one
            for name in missing
            for one in _definition(name, programs, mentioned, homes)
            if one not in found
        ]
        if not added:
            break
        found = [*dict.fromkeys(added), *found]
    return found


def _definition(
    name: str, programs: Sequence[Program], mentioned: Sequence[str], homes: Mapping[str, str]
) -> list[str]:
    statements = [step for program in programs for step in program.steps]
    for step in statements:
        if isinstance(step.tree, ast.Import | ast.ImportFrom) and name in bound_names(step.tree):
            return [step.code]
    for step in statements:
        if not isinstance(step.tree, ast.Expr) and not step.raises and name in _bound_at_top(step.tree):
            return [step.code]
    if name in homes:
        return [f"from {homes[name]} import {name}"]
    for dotted in mentioned:
        module, _, last = dotted.rpartition(".")
        if last == name and module and module.split(".")[0] in _packages(programs):
            return [f"from {module} import {name}"]
    if name in sys.stdlib_module_names:
        return [f"import {name}"]
    if any(dotted.startswith(f"{name}.") for dotted in mentioned) and name.islower():
        return [f"import {name}"]
    packages = _packages(programs)
    return [f"from {packages[0]} import {name}"] if len(packages) == 1 else []


def _bound_at_top(tree: ast.stmt) -> set[str]:
    if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {tree.name}
    return bound_names(tree)


def _packages(programs: Sequence[Program]) -> list[str]:
    """Return top-level packages that are imported and not of the standard library."""
    found: list[str] = []
    for program in programs:
        for step in program.steps:
            if isinstance(step.tree, ast.Import):
                found += [alias.name.split(".")[0] for alias in step.tree.names]
            elif isinstance(step.tree, ast.ImportFrom) and step.tree.module and not step.tree.level:
                found.append(step.tree.module.split(".")[0])
    return [name for name in dict.fromkeys(found) if name not in sys.stdlib_module_names]
