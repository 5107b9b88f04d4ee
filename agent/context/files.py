"""The files of a repository, ranked by what an issue says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from agent.context.bm25 import bm25
from agent.context.clues import DEPTH, Clues
from agent.context.definitions import Scored
from agent.context.imports import Importable
from agent.context.neighbours import from_calls, from_imports
from agent.context.outline import Outline
from agent.context.tracebacks import Frame

OF_DEFINITIONS = (1.0, 0.7, 0.5, 0.35, 0.25)
"""How much a file's best definition counts, the second, and so on."""
LEXICAL, NAMED, CALLS, IMPORTS = 1.0, 0.5, 0.3, 0.1
"""How much the other signals count beside those: the words of the whole file, that the issue names it, and
what its neighbours give. Each signal is taken as a share of its highest value."""


def rank_files(outlines: Sequence[Outline], definitions: Sequence[Scored], clues: Clues) -> list[str]:
    """Return the source files, best first.

    Args:
        outlines: of all source files.
        definitions: theirs, best first.
        clues: what the issue says.
    """
    own = _of_definitions(definitions)
    called: dict[str, float] = defaultdict(float)
    for symbol, got in from_calls(outlines, definitions).items():
        called[symbol.path] = max(called[symbol.path], got)
    signals = (
        (1.0, own),
        (LEXICAL, whole_file_scores(outlines, clues.file_query)),
        (NAMED, named_files([outline.path for outline in outlines], clues)),
        (CALLS, called),
        (IMPORTS, from_imports(outlines, own)),
    )
    scores = {outline.path: 0.0 for outline in outlines}
    for weight, signal in signals:
        highest = max(signal.values(), default=0.0) or 1.0
        for path, value in signal.items():
            scores[path] += weight * value / highest
    return sorted(scores, key=lambda path: (-scores[path], path))


def _of_definitions(definitions: Sequence[Scored]) -> dict[str, float]:
    best: dict[str, list[float]] = defaultdict(list)
    for one in definitions:
        if len(best[one.symbol.path]) < len(OF_DEFINITIONS):
            best[one.symbol.path].append(one.score)
    return {path: sum(map(float.__mul__, OF_DEFINITIONS, scores)) for path, scores in best.items()}


def named_files(paths: Sequence[str], clues: Clues) -> dict[str, float]:
    """Return how clearly the issue names each file, from 0 to 1: by its path, or as a module with dots."""
    named: dict[str, float] = defaultdict(float)
    places = {Frame(place.path) for place in (*clues.frames, *clues.places)}
    for path in paths:
        for place in places:
            if place.is_in(path) or (
                "/" in place.path and f"/{path}".endswith(f"/{place.path.lstrip('./')}")
            ):
                named[path] = 1.0
            elif place.names(path):
                named[path] = max(named[path], 0.5)
    files = Importable(paths)
    for dotted in clues.dotted:
        for path, share in _modules(dotted, files).items():
            named[path] = max(named[path], share)
    return dict(named)


def _modules(dotted: str, files: Importable) -> Mapping[str, float]:
    """Return the files that the longest beginning of a dotted name means as a module, two parts at least."""
    parts = dotted.split(".")[:DEPTH]
    for length in range(len(parts), 1, -1):
        if found := files.resolve("/".join(parts[:length])):
            return {path: 1 / len(found) for path in found}
    return {}


def whole_file_scores(outlines: Sequence[Outline], query: Mapping[str, int]) -> dict[str, float]:
    """Return BM25's score of each file as one document."""
    postings: dict[str, list[tuple[int, int]]] = {word: [] for word in query}
    for number, outline in enumerate(outlines):
        for word in query.keys() & outline.postings.keys():
            document, times = outline.postings[word][:2]
            if document == 0:
                postings[word].append((number, times))
    scores = bm25(postings, [outline.lengths[0] for outline in outlines], query)
    return {outline.path: score for outline, score in zip(outlines, scores, strict=True)}
