"""The definitions of a repository, ranked by what an issue says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.context.bm25 import bm25
from agent.context.clues import Clues
from agent.context.outline import Outline
from agent.symbols import Symbol


@dataclass(frozen=True, slots=True)
class Scored:
    """A definition and how much it looks like what the issue is about."""

    symbol: Symbol
    score: float


def rank_definitions(outlines: Sequence[Outline], clues: Clues) -> list[Scored]:
    """Return all definitions, best first.

    The score is BM25's of the words, with names split at case and underscores. On top come what the issue
    names outright and the frames of its tracebacks, in units of the best lexical score.
    """
    symbols = [symbol for outline in outlines for symbol in outline.symbols]
    lexical = _lexical(outlines, clues)
    unit = max(lexical, default=0.0) or 1.0
    scored = [
        Scored(symbol, score + mentioned(symbol, clues) * unit)
        for symbol, score in zip(symbols, lexical, strict=True)
    ]
    return sorted(scored, key=lambda one: (-one.score, one.symbol.path, one.symbol.start))


def mentioned(symbol: Symbol, clues: Clues) -> float:
    """Return how much an issue names a definition outright, from 0 to 2."""
    for frame in clues.frames:
        if symbol.start <= frame.line <= symbol.end and frame.is_in(symbol.path):
            return 2.0 if symbol.kind != "class" else 1.0
        if frame.names(symbol.path) and frame.name == symbol.name:
            return 2.0
    if symbol.qualified in clues.endings:
        return 1.0
    return 0.5 if symbol.name in clues.names else 0.0


def _lexical(outlines: Sequence[Outline], clues: Clues) -> list[float]:
    lengths: list[int] = []
    postings: dict[str, list[tuple[int, int]]] = {word: [] for word in clues.query}
    for outline in outlines:
        first = len(lengths) - 1  # document 0 of an outline is the file
        for word in clues.query.keys() & outline.postings.keys():
            flat = outline.postings[word]
            pairs = zip(flat[::2], flat[1::2], strict=True)
            postings[word].extend((first + document, times) for document, times in pairs if document)
        lengths.extend(outline.lengths[1:])
    return bm25(postings, lengths, clues.query)
