"""What stands near a definition or a file in the program: callers and callees, importers and imported."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from agent.context.definitions import Scored
from agent.context.imports import Importable
from agent.context.outline import Outline
from agent.symbols import Symbol

SEEDS = 40
"""Best definitions, and best files, whose neighbours get a share of their score."""
HOMONYMS = 8
"""A called name that so many definitions have tells nothing."""


def from_calls(outlines: Sequence[Outline], ranked: Sequence[Scored]) -> dict[Symbol, float]:
    """Return what each definition gets from the best ones that call it or that it calls.

    A name stands for all definitions of that name, which share what it brings.
    """
    calls = _Calls(outlines)
    got: dict[Symbol, float] = defaultdict(float)
    for seed in ranked[:SEEDS]:
        near = [*calls.called_by(seed.symbol), *calls.calling(seed.symbol)]
        for symbol, share in near:
            if symbol != seed.symbol:
                got[symbol] += share * seed.score
    return dict(got)


def from_imports(outlines: Sequence[Outline], scores: Mapping[str, float]) -> dict[str, float]:
    """Return what each file gets from the best files that import it."""
    files = Importable(outline.path for outline in outlines)
    imports = {outline.path: outline.imports for outline in outlines}
    got: dict[str, float] = defaultdict(float)
    for path in sorted(scores, key=lambda path: (-scores[path], path))[:SEEDS]:
        targets = {target for module in imports[path] for target in files.resolve(module)} - {path}
        for target in targets:
            got[target] += scores[path] / len(targets)
    return dict(got)


class _Calls:
    """Who calls whom, by name."""

    def __init__(self, outlines: Sequence[Outline]) -> None:
        self._named: dict[str, list[Symbol]] = defaultdict(list)
        self._callers: dict[str, list[Symbol]] = defaultdict(list)
        self._calls: dict[Symbol, list[str]] = defaultdict(list)
        for outline in outlines:
            for symbol in outline.symbols:
                self._named[symbol.name].append(symbol)
        for outline in outlines:
            for name in outline.calls.keys() & self._named.keys():
                callers = [outline.symbols[number - 1] for number in outline.calls[name]]
                self._callers[name] += callers
                for caller in callers:
                    self._calls[caller].append(name)

    def called_by(self, symbol: Symbol) -> Iterator[tuple[Symbol, float]]:
        """Yield what a definition calls, with the share each gets."""
        names = [name for name in self._calls.get(symbol, ()) if len(self._named[name]) <= HOMONYMS]
        for name in sorted(names):
            for callee in self._named[name]:
                yield callee, 1 / (len(names) * len(self._named[name]))

    def calling(self, symbol: Symbol) -> Iterator[tuple[Symbol, float]]:
        """Yield what calls a definition, with the share each gets."""
        homonyms = len(self._named[symbol.name])
        callers = self._callers.get(symbol.name, ())
        if homonyms <= HOMONYMS:
            for caller in callers:
                yield caller, 1 / (len(callers) * homonyms)
