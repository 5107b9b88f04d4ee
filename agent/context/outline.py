"""What retrieval knows of one file: its definitions, and how often which words stand in each of them."""

from __future__ import annotations

import json
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import chain

from agent.context.imports import imported
from agent.context.words import compounds, words, words_of_lines
from agent.symbols import Kind, Symbol, cut

VERSION = 1
"""Of the outlines on disk; it grows with every change of what is cut or counted."""
PATH = 2
"""How often the words of a definition's name and path count, beside those of its body."""

_CALL = re.compile(r"([A-Za-z_$][\w$]*)\s*\(")
_LISTED = 4000
"""Definitions listed of one file at most; a file with more was not written by hand."""


@dataclass(frozen=True, slots=True)
class Outline:
    """One file, counted.

    It is a list of documents: number 0 is the whole file, in which identifiers of several words count as one
    word too; number n + 1 is the definition `symbols[n]`.
    `lengths` are their words; `postings` has for each word the documents with it and how often, one after the
    other in one list; `calls` has for each name that is called the definitions that call it, by document.
    `imports` are the modules or files that it names, as written.
    """

    path: str
    symbols: tuple[Symbol, ...]
    lengths: Sequence[int]
    postings: Mapping[str, Sequence[int]]
    calls: Mapping[str, Sequence[int]]
    imports: tuple[str, ...]

    def to_json(self) -> bytes:
        """Return the outline as JSON."""
        symbols = [astuple(symbol)[1:] for symbol in self.symbols]
        data = (VERSION, symbols, self.lengths, self.postings, self.calls, self.imports)
        return json.dumps(data, separators=(",", ":")).encode("ascii")


def read_outline(path: str, data: bytes) -> Outline:
    """Return an outline from JSON.

    Raises:
        ValueError: it is damaged, or of another version.
    """
    try:
        version, symbols, lengths, postings, calls, imports = json.loads(data)
        cut_before = tuple(_symbol(path, *values) for values in symbols)
    except (TypeError, IndexError) as error:
        raise ValueError(f"no outline: {error}") from error
    if version != VERSION or len(lengths) != len(cut_before) + 1:
        raise ValueError("an outline of another version")
    return Outline(path, cut_before, lengths, postings, calls, tuple(imports))


def _symbol(
    path: str, kind: Kind, name: str, qualified: str, start: int, end: int, body: int, parameters: list[str]
) -> Symbol:
    return Symbol(path, kind, name, qualified, start, end, body, tuple(parameters))


def outline_source(path: str, text: str) -> Outline:
    """Cut and count a source file."""
    symbols = tuple(cut(text, path)[:_LISTED])
    lines = text.split("\n")
    counted = words_of_lines(text)
    stem = posixpath.splitext(path)[0]
    documents = [_whole(path, (*counted, compounds(text)))]
    for symbol in symbols:
        named = words(f"{symbol.qualified} {stem} {symbol.name}") * PATH
        documents.append(_count((*counted[symbol.start - 1 : symbol.end], named)))
    return Outline(
        path=path,
        symbols=symbols,
        lengths=[document.total() for document in documents],
        postings=_postings(documents),
        calls=_calls(symbols, lines),
        imports=imported(path, text),
    )


def outline_test(path: str, text: str) -> Outline:
    """Count a test file, as a whole."""
    document = _whole(path, words_of_lines(text))
    return Outline(path, (), [document.total()], _postings([document]), {}, ())


def _whole(path: str, counted: Iterable[Sequence[str]]) -> Counter[str]:
    return _count((*counted, words(path) * PATH))


def _count(lines: Iterable[Sequence[str]]) -> Counter[str]:
    return Counter(chain.from_iterable(lines))


def _postings(documents: Sequence[Counter[str]]) -> dict[str, list[int]]:
    postings: dict[str, list[int]] = {}
    for number, document in enumerate(documents):
        for word, times in document.items():
            postings.setdefault(word, []).extend((number, times))
    return postings


def _calls(symbols: Sequence[Symbol], lines: Sequence[str]) -> dict[str, list[int]]:
    """Return which definitions call which names; one that only holds another is not its caller."""
    calls: dict[str, list[int]] = {}
    names = [set(_CALL.findall(line)) if "(" in line else set() for line in lines]
    for number, symbol in enumerate(symbols, 1):
        if symbol.kind == "class":
            continue
        called = set().union(*names[symbol.body - 1 : symbol.end]) - {symbol.name}
        for name in called:
            calls.setdefault(name, []).append(number)
    return calls
