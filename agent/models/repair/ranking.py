"""Put edits in the order in which to try them, and passing ones in the order in which to trust them."""

from __future__ import annotations

import heapq
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent.models.repair.edits import Edit, distinct, together
from agent.models.repair.localise import Suspect
from agent.models.repair.operators import FAMILIES
from agent.models.repair.source import Source

_WORD = re.compile(r"[A-Za-z_]\w+")

WAVES = ((5, 1200), (14, 2500), (30, 10_000))
"""Suspects taken together, and how many edits of theirs are tried before more suspects are."""
MOST_OF_OPERATOR = 500
"""Edits of one operator at one site that are kept."""


@dataclass(frozen=True, slots=True)
class Passed:
    """An edit after which the leading test passes, and the numbers of the tests that do."""

    edit: Edit
    tests: tuple[int, ...]


def ranked(suspects: Sequence[Suspect], rng: random.Random, temperature: float) -> Iterator[Edit]:
    """Yield distinct edits of the suspicious sites, the most promising first.

    The heaviest suspects come first with what is most promising of them, then all others with the rest.

    Args:
        suspects: where to edit, the heaviest first.
        rng: source of the noise that makes samples differ.
        temperature: how much noise; 0 for none.
    """
    seen: set[str] = set()
    moods = {family: temperature * _gumbel(rng) for family in FAMILIES}
    rest: list[_Scored] = []
    taken = 0
    for count, most in WAVES:
        wave = rest + [
            scored
            for suspect in suspects[taken:count]
            for scored in _spread(_scored(suspect, moods, rng, temperature))
        ]
        taken = count
        wave.sort(key=lambda scored: (-scored.order, scored.edit.path, scored.edit.cuts))
        yield from _distinct(wave[:most], seen)
        rest = wave[most:]
    yield from _distinct(rest, seen)


@dataclass(frozen=True, slots=True)
class _Scored:
    edit: Edit
    order: float
    source: Source


def _scored(
    suspect: Suspect, moods: Mapping[str, float], rng: random.Random, temperature: float
) -> Iterator[_Scored]:
    place = 0.6 * math.log(suspect.weight) + temperature * _gumbel(rng)
    for family, operators in FAMILIES.items():
        for operator in operators:
            edits = (
                (edit, math.log(edit.prior) + _of_line(suspect, edit)) for edit in operator(suspect.site)
            )
            best = heapq.nlargest(MOST_OF_OPERATOR, edits, key=lambda pair: pair[1])
            for rank, (edit, worth) in enumerate(best):
                score = place + worth + _named(suspect, edit)
                noise = moods[family] + 0.5 * temperature * _gumbel(rng)
                yield _Scored(
                    edit.scored(score), score + noise - 0.3 * math.log1p(rank / 4), suspect.site.source
                )


def _spread(scored: Iterator[_Scored]) -> Iterator[_Scored]:
    """Yield a site's edits, best first, each further down than its score says, so that sites take turns."""
    ordered = sorted(scored, key=lambda one: (-one.order, one.edit.cuts))
    for rank, one in enumerate(ordered):
        yield replace(one, order=one.order - 0.5 * math.log1p(rank / 20))


def _distinct(scored: Sequence[_Scored], seen: set[str]) -> Iterator[Edit]:
    for entry in scored:
        yield from distinct([entry.edit], entry.source, seen)


def _of_line(suspect: Suspect, edit: Edit) -> float:
    return math.log(suspect.lines.get(edit.line, 1.0))


def _named(suspect: Suspect, edit: Edit) -> float:
    """Return what speaks for an edit that brings in names of the issue."""
    names = {name.rpartition(".")[2] for name in suspect.site.hints.names}
    text = suspect.site.source.text
    new = {w for a, b, t in edit.cuts for w in set(_WORD.findall(t)) - set(_WORD.findall(text[a:b]))}
    return 0.5 * min(2, len(new & names))


def _gumbel(rng: random.Random) -> float:
    return -math.log(-math.log(rng.random() or 0.5))


def stepping_stones(
    tried: Mapping[int, Edit], results: Mapping[int, str], base: str, most: int
) -> list[Edit]:
    """Return edits after which the test fails later or otherwise than before, one of each new failure.

    A failure reads `line:Type: message`. A later line of the test is worth most, then another type of
    exception, then a rare message.
    """
    counts: dict[str, int] = {}
    for failure in results.values():
        counts[failure] = counts.get(failure, 0) + 1
    best: dict[str, tuple[float, Edit]] = {}
    for number, failure in results.items():
        if failure == base or failure.startswith(("pass", "0:")) or "SyntaxError" in failure:
            continue
        worth = tried[number].score + _progress(base, failure) - 0.2 * math.log(counts[failure])
        if failure not in best or worth > best[failure][0]:
            best[failure] = (worth, tried[number])
    ordered = sorted(best.values(), key=lambda pair: (-pair[0], str(pair[1].cuts)))
    return [edit for _, edit in ordered[:most]]


def _progress(base: str, failure: str) -> float:
    before, after = base.split(":"), failure.split(":")
    if not (before[0].isdigit() and after[0].isdigit()):
        return 0.0
    later = int(after[0]) - int(before[0])
    if later:
        return 3.0 if later > 0 else -3.0
    same_type = before[1:2] == after[1:2]
    asserted = after[1:2] in (["AssertionError"], ["Failed"])
    return 0.5 if same_type else 2.0 if asserted else 0.0


def pairs(stones: Sequence[Edit], edits: Sequence[Edit]) -> Iterator[Edit]:
    """Yield each stone together with each other edit of its function, then of its file, in turns."""
    for near in (True, False):
        streams = [
            (
                pair
                for edit in edits
                if (edit.function == stone.function) is near and (pair := together(stone, edit))
            )
            for stone in stones
        ]
        while streams:
            for stream in list(streams):
                pair = next(stream, None)
                if pair is None:
                    streams.remove(stream)
                else:
                    yield pair


def trusted(
    passed: Sequence[Passed], strengths: Sequence[float], texts: Mapping[str, str], literals: Sequence[str]
) -> list[Passed]:
    """Return passing edits, the one to trust most first.

    What counts, in this order: how much of the alternative tests passes, then the edit's own score less
    its size, and less what it copies from the issue's examples into conditions.
    """

    def worth(entry: Passed) -> float:
        edit = entry.edit
        proof = sum(strengths[number] for number in entry.tests)
        copied = sum(
            literal in cut[2] for cut in edit.cuts for literal in literals if "string" not in edit.operator
        )
        return 3.0 * proof + edit.score - 0.01 * edit.size(texts[edit.path]) - 1.5 * copied - _bluntness(edit)

    return sorted(passed, key=lambda entry: (-worth(entry), entry.edit.cuts))


_BLUNT = {
    "statement deleted": 1.0,
    "condition fixed": 1.5,
    "early return": 0.5,
    "early exit": 0.5,
    "all caught": 1.5,
    "failure caught": 1.0,
    "call added": 0.3,
    "default changed": 0.5,
    "statements exchanged": 0.3,
}


def _bluntness(edit: Edit) -> float:
    """Return how readily edits of a kind pass tests without being right."""
    return sum(_BLUNT.get(part, 0.0) for part in edit.operator.split(" + "))
