"""The leading programs that no test tells apart, and inputs on which they disagree; rules see none of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from agent.excerpts import first_line
from agent.messages import Value
from selection.differences.asked import indistinct
from selection.differences.inputs import Difference, Seen
from selection.evidence import Evidence
from selection.matrix import BASE
from selection.verdict import Selection

KEPT = 8
"""Disagreements that are kept of an issue."""


class Disagreement(Value):
    """An input on which programs disagree.

    `input` is the first expression of a program that they evaluate differently, or where the program is from
    if they only end it differently. `where` says that and what was varied in it. `base` is what it comes to
    without a patch, `values` by cluster with one, in the order of the clusters' rank.
    """

    input: str
    where: str
    program: str
    base: str
    values: dict[str, str] = Field(default_factory=dict)


def leading(evidence: Evidence, selection: Selection, most: int) -> tuple[str, ...]:
    """Return the clusters that no test tells from the best one, this one first; none where it stands alone.

    The best one is the winner's, or the first of the ranking where nothing was chosen.

    Args:
        evidence: whose tests.
        selection: what a rule made of it.
        most: clusters that are returned, the best of the ranking.
    """
    ranked = [one.cluster for one in selection.ranking if one.cluster]
    won = evidence.clusters.key_of(selection.winner) if selection.winner else ""
    order = tuple(dict.fromkeys([won, *ranked] if won else ranked))
    alike = next((group for group in indistinct(evidence) if order[0] in group), ()) if order else ()
    found = tuple(row for row in order if row in alike)[:most]
    return found if len(found) > 1 else ()


def disagreements(found: Sequence[Difference], rows: Sequence[str]) -> tuple[Disagreement, ...]:
    """Return the inputs on which some of the clusters disagree.

    Those come first that part the clusters as none before does, those with a None that nobody passed last; of
    each input there is one.

    Args:
        found: programs that differ, the most telling first.
        rows: the clusters, the best first.
    """
    parted: dict[str, Disagreement] = {}
    for one in sorted(found, key=lambda one: one.varied.endswith(" -> None")):
        seen = {row: one.results[row] for row in rows if row in one.results}
        if len(set(seen.values())) > 1:
            told = _disagreement(one, seen)
            parted.setdefault(told.input, told)
    ways: dict[tuple[int, ...], list[Disagreement]] = {}
    for told in parted.values():
        ways.setdefault(_way(told), []).append(told)
    first = [group[0] for group in ways.values()]
    rest = [told for told in parted.values() if told not in first]
    return tuple([*first, *rest][:KEPT])


def _way(told: Disagreement) -> tuple[int, ...]:
    """Return how an input parts the clusters: equal numbers for equal values."""
    values = list(told.values.values())
    return tuple(values.index(value) for value in values)


def _disagreement(one: Difference, seen: Mapping[str, Seen]) -> Disagreement:
    at = _first_parting([found.seen for found in seen.values()])
    label = next((found.seen[at][0] for found in seen.values() if at < len(found.seen)), "")

    def came_to(found: Seen) -> str:
        if at >= len(found.seen):
            return found.ended
        return found.seen[at][1] if found.seen[at][0] == label else "goes another way"

    return Disagreement(
        input=first_line(label) or one.where,
        where=one.where,
        program=one.source,
        base=came_to(one.results[BASE]),
        values={row: came_to(found) for row, found in seen.items()},
    )


def _first_parting(rows: Sequence[Sequence[tuple[str, str]]]) -> int:
    """Return the place of the first expression in which runs of a program differ."""
    shortest = min(map(len, rows))
    return next((at for at in range(shortest) if len({row[at] for row in rows}) > 1), shortest)
