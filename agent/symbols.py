"""Cut Python source into its definitions with tree-sitter; a broken file gives those still readable."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

Kind = Literal["class", "function", "method"]


@dataclass(frozen=True, slots=True)
class Symbol:
    """One definition; lines count from 1 and both ends belong to it, decorators included.

    `qualified` is the dotted name within the file (`Class.method`, `outer.inner`); `body` is the first
    line of its body, docstring included; `parameters` are the names a caller may pass.
    """

    path: str
    kind: Kind
    name: str
    qualified: str
    start: int
    end: int
    body: int = 0
    parameters: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.path}:{self.start}-{self.end} {self.kind} {self.qualified}"


def cut(source: str, path: str) -> list[Symbol]:
    """Return every class, function and method of a Python file, outer ones before inner ones.

    Args:
        source: the file's text; it need not be valid Python.
        path: the file's path, carried over into the symbols.
    """
    found: list[Symbol] = []
    root = _parser().parse(source.encode("utf-8", "replace")).root_node
    pending: list[tuple[Node, tuple[str, ...], bool]] = [(root, (), False)]
    while pending:
        node, scope, in_class = pending.pop()
        for child in node.children:
            definition = _definition(child)
            symbol = definition and _symbol(child, definition, path, scope, in_class=in_class)
            if definition is None or symbol is None:
                pending.append((child, scope, in_class))
                continue
            found.append(symbol)
            body = definition.child_by_field_name("body")
            if body is not None:
                pending.append((body, (*scope, symbol.name), symbol.kind == "class"))
    return sorted(found, key=lambda symbol: (symbol.start, -symbol.end))


@cache
def _parser() -> Parser:
    import tree_sitter_python
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_python.language()))


def _definition(node: Node) -> Node | None:
    if node.type == "decorated_definition":
        return node.child_by_field_name("definition")
    return node if node.type in ("class_definition", "function_definition") else None


def _symbol(
    whole: Node, definition: Node, path: str, scope: tuple[str, ...], *, in_class: bool
) -> Symbol | None:
    name_node = definition.child_by_field_name("name")
    if name_node is None or name_node.text is None:
        return None
    name = name_node.text.decode("utf-8", "replace")
    kind: Kind = "class" if definition.type == "class_definition" else "method" if in_class else "function"
    body = definition.child_by_field_name("body")
    return Symbol(
        path=path,
        kind=kind,
        name=name,
        qualified=".".join((*scope, name)),
        start=whole.start_point[0] + 1,
        end=whole.end_point[0] + 1,
        body=(body.start_point[0] if body is not None else definition.end_point[0]) + 1,
        parameters=_parameters(definition),
    )


def _parameters(definition: Node) -> tuple[str, ...]:
    node = definition.child_by_field_name("parameters")
    names: list[str] = []
    for child in node.children if node is not None else ():
        target = child if child.type == "identifier" else child.child_by_field_name("name")
        if target is None and child.type == "typed_parameter":
            target = next((part for part in child.children if part.type == "identifier"), None)
        if target is not None and target.text is not None:
            names.append(target.text.decode("utf-8", "replace"))
    return tuple(names)
