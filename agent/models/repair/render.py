"""Statements to a complete pytest file that reads as if a person had written it."""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from typing import TYPE_CHECKING

from agent.models.repair.names import bound_names, loaded_names, undefined_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_DULL = {"a", "an", "the", "of", "is", "are", "to"}
_STRINGS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
_SHOWN = '''
def shown(value):
    """Return the repr with addresses left out and runs of blanks as one."""
    return re.sub(r"0x[0-9a-fA-F]+", "0x...", " ".join(repr(value).split()))
'''


def name_of_test(title: str) -> str:
    """Make a function name from an issue's title."""
    words = re.findall(r"[a-z0-9]+", title.encode("ascii", "ignore").decode().lower())
    kept = [word for word in words if word not in _DULL] or words
    name = "test"
    for word in kept[:9]:
        name += f"_{word[:30]}"
    return name if len(name) > 4 else "test_issue"


def render(title: str, statements: Sequence[str]) -> str | None:
    """Write a test file; None when the statements do not make one that compiles.

    Args:
        title: of the issue; it names and documents the test.
        statements: sources of the test's statements, imports among them; fixtures are taken for the names
            `capsys`, `tmp_path` and `monkeypatch`, and the function `shown` is added where it is used.
    """
    try:
        trees = [ast.parse(statement) for statement in statements]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    imports: list[str] = []
    definitions: list[str] = []
    body: list[str] = []
    for statement, tree in zip(statements, trees, strict=True):
        top = tree.body[0] if len(tree.body) == 1 else None
        if isinstance(top, ast.Import | ast.ImportFrom) and not (
            isinstance(top, ast.ImportFrom) and top.level
        ):
            imports.append(ast.unparse(top))
        elif _stands_alone(top, trees):
            definitions.append(statement)
        else:
            body.append(_isolated(statement, top))
    if not body:
        return None
    text = "\n".join(body)
    if "shown(" in text and "shown" in undefined_names(text):
        imports.append("import re")
        definitions.append(_SHOWN.strip())
    if re.search(r"\bopen\(|\bPath\(|\bos\.(?:mkdir|remove|makedirs)\(", text) and "/tmp/" not in text:  # noqa: S108
        body.insert(0, "monkeypatch.chdir(tmp_path)")
    fixtures = [name for name in ("capsys", "monkeypatch", "tmp_path") if name in _read(body)]
    return _file(title, _sorted(imports), definitions, body, fixtures)


def _read(body: Iterable[str]) -> set[str]:
    return {name for statement in body for name in loaded_names(ast.parse(statement))}


def _file(
    title: str,
    imports: Sequence[str],
    definitions: Sequence[str],
    body: Sequence[str],
    fixtures: Sequence[str],
) -> str | None:
    parts = [_docstring(title)]
    if imports:
        parts.append("\n" + "\n".join(imports))
    parts += [f"\n\n{definition.rstrip()}" for definition in definitions]
    lines = [_indented(statement) + _gap(statement) for statement in body[:-1]] + [_indented(body[-1])]
    parts.append(f"\n\ndef {name_of_test(title)}({', '.join(fixtures)}):\n" + "\n".join(lines))
    source = "\n".join(parts) + "\n"
    try:
        compile(source, "test_issue.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return source


def _docstring(title: str) -> str:
    text = " ".join(title.replace("\\", "\\\\").replace('"""', "'''").split()).rstrip('"') or "An issue"
    text = "".join(character for character in text if character.isprintable())
    if not text.endswith((".", "!", "?")):
        text += "."
    return (
        '"""' + "\n".join(textwrap.wrap(text, 100, break_long_words=False)) + '\n"""'
        if len(text) > 100
        else f'"""{text}"""'
    )


def _sorted(imports: Iterable[str]) -> list[str]:
    """Order imports, `__future__` first; a later import of a name does not hide an earlier one."""
    return sorted(
        dict.fromkeys(imports),
        key=lambda line: (not line.startswith("from __future__"), line.startswith("from"), line),
    )


def _stands_alone(top: ast.stmt | None, trees: Sequence[ast.Module]) -> bool:
    """Tell whether a definition can stand at the top of the file: it uses nothing made inside the test."""
    if (
        not isinstance(top, ast.FunctionDef | ast.ClassDef)
        or top.decorator_list
        or top.name.lower().startswith("test")
    ):
        return False
    if isinstance(top, ast.ClassDef) and (
        top.keywords or any(getattr(node, "decorator_list", []) for node in top.body)
    ):
        return False
    others = [node for tree in trees for node in tree.body if node is not top]
    local = {
        name
        for node in others
        if not isinstance(node, ast.Import | ast.ImportFrom)
        for name in bound_names(node)
    }
    return top.name not in local and not local & set(undefined_names(ast.unparse(top)))


def _isolated(statement: str, top: ast.stmt | None) -> str:
    """Undo what a test does to a module when it ends: `module.name = x` becomes a monkeypatch."""
    if isinstance(top, ast.Assign) and len(top.targets) == 1 and isinstance(top.targets[0], ast.Attribute):
        target = top.targets[0]
        base: ast.expr = target.value
        if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name) and base.value.id.islower():
            return f'monkeypatch.setattr({ast.unparse(base)}, "{target.attr}", {ast.unparse(top.value)})'
    return statement


def _indented(statement: str) -> str:
    """Indent by four; a string over several lines is written on one, since its lines are not code."""
    tokens = tokenize.generate_tokens(io.StringIO(statement).readline)
    if any(token.type in _STRINGS and token.start[0] != token.end[0] for token in tokens):
        return textwrap.indent(ast.unparse(ast.parse(statement)), "    ")
    return textwrap.indent(statement, "    ")


def _gap(statement: str) -> str:
    return "\n" if isinstance(ast.parse(statement).body[-1], ast.FunctionDef | ast.ClassDef) else ""
