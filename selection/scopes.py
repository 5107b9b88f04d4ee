"""Which functions of the base a patch changes, and which of these ran: by path and qualified name.

The innermost function or class around a line counts, the module where there is none; the name of a module is
empty. What is new has no scope on the base: the class or module that it is put into changes. A class or a
module ran where a function in it did: that it was imported says nothing.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from envs.patches import FilePatch, split
from selection.hunks import changes, new_text

Scope = tuple[str, str]
"""A path, and a qualified name in it."""


@dataclass(frozen=True, slots=True)
class _Lines:
    """The lines of a function or class, its decorators with it."""

    name: str
    first: int
    last: int


def changed_scopes(patch: str, texts: Mapping[str, str]) -> frozenset[Scope]:
    """Return what of the base a patch changes in Python files that it can be parsed in, before and after.

    Comments and blank lines are no change. Of a new file nothing is there.

    Args:
        patch: a git diff.
        texts: the base's files, by path.
    """
    return frozenset(
        (part.old_path or part.path, name)
        for part in split(patch)
        if part.path.endswith(".py")
        for name in _changed(part, texts.get(part.old_path or part.path))
    )


def ran_scopes(ran: Mapping[str, Iterable[int]], texts: Mapping[str, str]) -> frozenset[Scope]:
    """Return what ran, with the classes and modules around it.

    Args:
        ran: first lines of functions, by path.
        texts: the base's files, by path; other files are passed over.
    """
    found = set()
    for path, lines in ran.items():
        known = _scopes(texts[path]) if path in texts else None
        if known is not None:
            names = {_name_at(known, line) for line in lines}
            found |= {(path, around) for name in names for around in _outwards(name)}
    return frozenset(found)


def _changed(part: FilePatch, before: str | None) -> Iterator[str]:
    after = "" if part.deleted else new_text(part.text, before) if before is not None else None
    old, new = _scopes(before) if before is not None else None, _scopes(after) if after is not None else None
    if old is None or new is None:
        return
    names = {one.name for one in old} | {""}
    shift = 0
    for line, sign, text in changes(part.text):
        code = text.strip() and not text.strip().startswith("#")
        if sign == "-":
            if code:
                yield _name_at(old, line)
            shift -= 1
        elif sign == "+":
            if code:
                yield next(name for name in _outwards(_name_at(new, line + shift)) if name in names)
            shift += 1


def _outwards(name: str) -> Iterator[str]:
    """Yield a name, those around it, and the module's."""
    while name:
        yield name
        name = name.rpartition(".")[0]
    yield ""


def _name_at(scopes: tuple[_Lines, ...], line: int) -> str:
    """Return the innermost name around a line; within each other those that begin later come later."""
    return next((one.name for one in reversed(scopes) if one.first <= line <= one.last), "")


@lru_cache(maxsize=256)
def _scopes(text: str) -> tuple[_Lines, ...] | None:
    """Return the functions and classes of a file by where they begin, None where it cannot be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tuple(_within(ast.parse(text), ""))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _within(tree: ast.AST, prefix: str) -> Iterator[_Lines]:
    for node in ast.iter_child_nodes(tree):
        inside = prefix
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            yield _Lines(prefix + node.name, first, node.end_lineno or node.lineno)
            inside = f"{prefix}{node.name}."
        yield from _within(node, inside)
