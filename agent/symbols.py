"""Cut a source file into its definitions with tree-sitter; a broken file gives those still readable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from agent.languages import LANGUAGES, Language, Sort, language_of, parser_of, query_of

if TYPE_CHECKING:
    from tree_sitter import Node

Kind = Literal["class", "function", "method"]

_WRAPPERS = ("decorated_definition", "export_statement", "template_declaration")
"""What stands around a definition and belongs to it."""


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


@dataclass(frozen=True, slots=True)
class _Scope:
    """A definition that is still open while the file is read from its top."""

    end: int
    names: tuple[str, ...]
    sort: Sort


def cut(source: str, path: str) -> list[Symbol]:
    """Return every class, function and method of a source file, outer ones before inner ones.

    Args:
        source: the file's text; it need not be valid.
        path: the file's path, by whose suffix its language is told (Python where it tells none), and which
            is carried over into the symbols.
    """
    from tree_sitter import QueryCursor

    language = language_of(path) or LANGUAGES[0]
    root = parser_of(language).parse(source.encode("utf-8", "replace")).root_node
    nodes = QueryCursor(query_of(language)).captures(root).get("definition", [])
    found: list[Symbol] = []
    open_scopes: list[_Scope] = []
    for node in sorted(nodes, key=lambda node: (node.start_byte, -node.end_byte)):
        while open_scopes and open_scopes[-1].end <= node.start_byte:
            open_scopes.pop()
        around = open_scopes[-1] if open_scopes else _Scope(0, (), "function")
        sort = language.definitions.get(node.type, "function")
        names = _names(node, sort)
        if not names:
            continue
        names = (*around.names, *names)
        if sort != "scope":
            found.append(_symbol(node, names, _kind(sort, around.sort), path))
        open_scopes.append(_Scope(node.end_byte, names, _inner(node, sort, language)))
    return sorted(found, key=lambda symbol: (symbol.start, -symbol.end))


def _kind(sort: Sort, around: Sort) -> Kind:
    """Return what a definition is: a function right inside a class is a method."""
    if sort == "function" and around == "class":
        return "method"
    return "function" if sort == "scope" else sort


def _inner(node: Node, sort: Sort, language: Language) -> Sort:
    """Return what the inside of a definition counts as: Rust's `impl` and `trait` blocks hold methods."""
    return "class" if sort == "scope" and node.type == "impl_item" else sort


def _symbol(node: Node, names: tuple[str, ...], kind: Kind, path: str) -> Symbol:
    whole = node
    while whole.parent is not None and whole.parent.type in _WRAPPERS:
        whole = whole.parent
    body = _body(node)
    return Symbol(
        path=path,
        kind=kind,
        name=names[-1],
        qualified=".".join(names),
        start=whole.start_point[0] + 1,
        end=whole.end_point[0] + 1,
        body=(body.start_point[0] if body is not None else node.end_point[0]) + 1,
        parameters=_parameters(node),
    )


def _body(node: Node) -> Node | None:
    value = node.child_by_field_name("value") or node.child_by_field_name("right") or node
    return value.child_by_field_name("body") or node.child_by_field_name("body")


def _names(node: Node, sort: Sort) -> tuple[str, ...]:
    """Return the name a definition adds to the dotted ones inside it; none where it has none."""
    if node.type.endswith("_specifier") and node.child_by_field_name("body") is None:
        return ()  # `struct x *p` of C names a type and defines none
    named = _named(node)
    text = _text(named) if named is not None else ""
    if node.type == "method_declaration" and (receiver := node.child_by_field_name("receiver")) is not None:
        return tuple(part for part in (_receiver(receiver), text) if part)
    if sort == "scope":
        text = text.partition("<")[0]
    return tuple(part for part in text.replace("::", ".").strip("'\"*&~ ").split(".") if part)


def _named(node: Node) -> Node | None:
    """Return the node of a definition's name, wherever its grammar keeps it."""
    for field in ("name", "key", "left"):
        if (found := node.child_by_field_name(field)) is not None:
            return found.child_by_field_name("property") or found
    if node.type == "impl_item":
        return node.child_by_field_name("type")
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and (inner := _declared(declarator)) is not None:
        declarator = inner
    return declarator


def _declared(node: Node) -> Node | None:
    """Return what a declarator of C or C++ is around: `*f(int)` around `f(int)` around `f`."""
    inner = node.child_by_field_name("declarator")
    if inner is None and node.type in ("reference_declarator", "parenthesized_declarator"):
        inner = next(iter(node.named_children), None)
    return inner


def _receiver(node: Node) -> str:
    """Return the type a Go method belongs to."""
    text = _text(node).strip("()").split("[")[0].split()
    return text[-1].lstrip("*") if text else ""


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")


def _parameters(definition: Node) -> tuple[str, ...]:
    node = definition.child_by_field_name("parameters")
    names: list[str] = []
    for child in node.children if node is not None else ():
        target = child if child.type == "identifier" else child.child_by_field_name("name")
        if target is None and child.type == "typed_parameter":
            target = next((part for part in child.children if part.type == "identifier"), None)
        if target is not None and target.text is not None:
            names.append(_text(target))
    return tuple(names)
