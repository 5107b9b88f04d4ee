"""Source files reduced to what a program means, so that patches that differ only in dress compare equal.

Python loses comments, docstrings and layout: by its syntax tree where this Python parses it, else by
tree-sitter's (older and newer dialects). Anything else keeps its text, without blanks at the ends of lines.
Paths, names, operators, constants and the contents of strings always count (R2E-Gym and Trae merge across
some of them).
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

PYTHON = (".py", ".pyi")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
GRAMMAR_IN_DOCSTRINGS = ("p_", "t_")
"""PLY reads its grammar from the docstrings of functions named so: there they are code."""

Files = Mapping[str, bytes | None]
"""Contents by path; None where there is no file."""


def cluster_key(before: Files, after: Files, modes: str = "") -> str:
    """Return the key of the program that a patch makes, empty where it makes that of the base.

    Equal keys are one cluster. Files whose normal form the patch leaves as it was do not count, so a comment
    touched in passing does not set two patches apart.

    Args:
        before: the files the patch touches, as they are on the base.
        after: the same paths with the patch applied.
        modes: changes of file modes, as git tells them.
    """
    changed = {
        path: data for path, data in after.items() if _form(path, data) != _form(path, before.get(path))
    }
    if not changed and not modes:
        return ""
    return hashlib.sha256(f"{normal_form(changed)}\n{modes}".encode()).hexdigest()[:16]


def normal_form(patched: Files) -> str:
    """Return the normal form of several files: their paths in order, each with its content's normal form."""
    return "\n".join(f"{path!r}: {_form(path, patched[path])!r}" for path in sorted(patched))


def normal_text(path: str, content: bytes) -> str:
    """Return one file's normal form; the same for two files only if they are the same program."""
    if path.endswith(PYTHON):
        form = _by_ast(content)
        if form is None:
            form = _by_tree_sitter(content)
        if form is not None:
            return form
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return f"binary {hashlib.sha256(content).hexdigest()}"
    return "text\n" + "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n")


def is_python(text: str) -> bool:
    """Whether a text is Python of some age, by a parser that knows older and newer ones than this Python."""
    return not _parser().parse(text.encode("utf-8", "replace")).root_node.has_error


def _form(path: str, content: bytes | None) -> str:
    return "absent" if content is None else normal_text(path, content)


def _by_ast(content: bytes) -> str | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
        if b"__doc__" not in content:
            _drop_docstrings(tree)
        return "ast\n" + ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _drop_docstrings(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and not getattr(node, "name", "").startswith(GRAMMAR_IN_DOCSTRINGS):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                del node.body[0]


def _by_tree_sitter(content: bytes) -> str | None:
    """Return the tree as nested brackets around its tokens, None where the text is no Python at all."""
    root = _parser().parse(content).root_node
    if root.has_error:
        return None
    parts: list[str] = []
    pending: list[Node | str] = [root]
    while pending:
        node = pending.pop()
        if isinstance(node, str):
            parts.append(node)
        elif node.type in {"comment", "line_continuation"} or (
            _is_docstring(node) and b"__doc__" not in content
        ):
            continue
        elif node.type == "string" or not node.children:
            parts.append(repr(node.text))
        else:
            parts.append(f"({node.type}")
            pending.append(")")
            pending.extend(reversed(node.children))
    return "tree\n" + " ".join(parts)


def _is_docstring(node: Node) -> bool:
    if node.type != "expression_statement" or [child.type for child in node.named_children] != ["string"]:
        return False
    parent = node.parent
    if parent is None or next((one for one in parent.named_children if one.type != "comment"), None) != node:
        return False
    if parent.type == "module":
        return True
    owner = parent.parent if parent.type == "block" else None
    if owner is None or owner.type not in {"function_definition", "class_definition"}:
        return False
    name = owner.child_by_field_name("name")
    return name is None or not (name.text or b"").decode("utf-8", "replace").startswith(GRAMMAR_IN_DOCSTRINGS)


@cache
def _parser() -> Parser:
    import tree_sitter_python
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_python.language()))
