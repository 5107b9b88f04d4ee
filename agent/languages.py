"""The programming languages whose definitions are found: their files, and what a definition looks like.

Each grammar comes in a package of its own that carries it; it is imported when a file needs it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tree_sitter import Language as Grammar
    from tree_sitter import Parser, Query

Sort = Literal["class", "function", "method", "scope"]
"""A `scope` holds definitions and is none itself, as Rust's `impl` blocks and C++'s namespaces."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language.

    `definitions` says which nodes of the syntax tree define what. `package` is the module of the grammar and
    `grammar` its function. `patterns` are queries for definitions that take more than a kind of node, each
    captured as `@definition`; those count as functions.
    """

    name: str
    suffixes: tuple[str, ...]
    package: str
    definitions: Mapping[str, Sort]
    grammar: str = "language"
    patterns: tuple[str, ...] = field(default=())


_JAVASCRIPT: Mapping[str, Sort] = {
    "class_declaration": "class",
    "class": "class",
    "function_declaration": "function",
    "generator_function_declaration": "function",
    "method_definition": "method",
}
_TYPESCRIPT: Mapping[str, Sort] = {
    **_JAVASCRIPT,
    "abstract_class_declaration": "class",
    "interface_declaration": "class",
    "enum_declaration": "class",
    "type_alias_declaration": "class",
    "internal_module": "scope",
    "abstract_method_signature": "method",
    "function_signature": "function",
}
_FUNCTION_VALUES = (
    "(variable_declarator value: [(arrow_function) (function_expression)]) @definition",
    "(pair value: [(arrow_function) (function_expression)]) @definition",
    "(assignment_expression right: [(arrow_function) (function_expression)]) @definition",
)
"""JavaScript's functions that have their name from what they are assigned to."""
_C: Mapping[str, Sort] = {
    "function_definition": "function",
    "struct_specifier": "class",
    "union_specifier": "class",
    "enum_specifier": "class",
    "preproc_function_def": "function",
}

LANGUAGES: tuple[Language, ...] = (
    Language(
        "python",
        (".py",),
        "tree_sitter_python",
        {"class_definition": "class", "function_definition": "function"},
    ),
    Language(
        "javascript",
        (".js", ".jsx", ".mjs", ".cjs"),
        "tree_sitter_javascript",
        _JAVASCRIPT,
        patterns=_FUNCTION_VALUES,
    ),
    Language(
        "typescript",
        (".ts", ".mts", ".cts"),
        "tree_sitter_typescript",
        _TYPESCRIPT,
        "language_typescript",
        _FUNCTION_VALUES,
    ),
    Language("tsx", (".tsx",), "tree_sitter_typescript", _TYPESCRIPT, "language_tsx", _FUNCTION_VALUES),
    Language(
        "go",
        (".go",),
        "tree_sitter_go",
        {"function_declaration": "function", "method_declaration": "method", "type_spec": "class"},
    ),
    Language(
        "java",
        (".java",),
        "tree_sitter_java",
        {
            "class_declaration": "class",
            "interface_declaration": "class",
            "enum_declaration": "class",
            "record_declaration": "class",
            "annotation_type_declaration": "class",
            "method_declaration": "method",
            "constructor_declaration": "method",
        },
    ),
    Language(
        "rust",
        (".rs",),
        "tree_sitter_rust",
        {
            "function_item": "function",
            "function_signature_item": "function",
            "struct_item": "class",
            "enum_item": "class",
            "union_item": "class",
            "trait_item": "class",
            "impl_item": "scope",
            "mod_item": "scope",
            "macro_definition": "function",
        },
    ),
    Language("c", (".c",), "tree_sitter_c", _C),
    Language(
        "cpp",
        (".h", ".hh", ".hpp", ".hxx", ".cc", ".cpp", ".cxx"),
        "tree_sitter_cpp",
        {**_C, "class_specifier": "class", "namespace_definition": "scope"},
    ),
    Language(
        "ruby",
        (".rb", ".rake"),
        "tree_sitter_ruby",
        {"class": "class", "module": "class", "method": "method", "singleton_method": "method"},
    ),
    Language(
        "php",
        (".php",),
        "tree_sitter_php",
        {
            "class_declaration": "class",
            "interface_declaration": "class",
            "trait_declaration": "class",
            "enum_declaration": "class",
            "function_definition": "function",
            "method_declaration": "method",
        },
        "language_php",
    ),
)

_BY_SUFFIX = {suffix: language for language in LANGUAGES for suffix in language.suffixes}
SOURCES: tuple[str, ...] = tuple(f"*{suffix}" for suffix in _BY_SUFFIX)
"""Patterns of the files that have definitions; see `agent.sources.fetch`."""


def language_of(path: str) -> Language | None:
    """Return the language of a file by its name, None where it is none of these."""
    return _BY_SUFFIX.get(posixpath.splitext(path)[1].lower())


def parser_of(language: Language) -> Parser:
    """Return a new parser; one serves one thread at a time."""
    from tree_sitter import Parser

    return Parser(_loaded(language.name)[0])


def query_of(language: Language) -> Query:
    """Return the query for a language's definitions."""
    return _loaded(language.name)[1]


@cache
def _loaded(name: str) -> tuple[Grammar, Query]:
    import tree_sitter

    language = next(one for one in LANGUAGES if one.name == name)
    grammar = tree_sitter.Language(getattr(import_module(language.package), language.grammar)())
    kinds = " ".join(f"({kind})" for kind in language.definitions)
    return grammar, tree_sitter.Query(grammar, "\n".join((f"[{kinds}] @definition", *language.patterns)))
