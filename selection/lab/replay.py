"""Rules played again on what is known: what each picks from subsets of an issue's candidates.

The default, against which harm is told, is what one takes without a selector: a member of the largest
cluster, each member as likely, equal clusters averaged. A pick is harm when it is wrong and the default
right, help when it is right and the default wrong; where equals are averaged, by how much the pick is less or
more likely right, so that a rule is no harm beside itself. Who abstains does neither: the user keeps the
default.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from selection.evidence import Evidence
from selection.lab.chances import pass_at
from selection.lab.labelled import Labelled
from selection.lab.subsets import subsets
from selection.rules.hearing import Hears, everybody
from selection.verdict import Selection

Choose = Callable[[Evidence], Selection]


@dataclass(frozen=True, slots=True)
class Entrant:
    """A rule that takes part: by its name, and which function plays it on an issue.

    A rule that was fitted is another function for each issue: the one fitted without the issue's repository.
    `hears` gives whose words reach it, of those that the evidence holds: it pays for these alone.
    """

    name: str
    choose_for: Callable[[Labelled], Choose]
    hears: Hears = everybody


@dataclass(frozen=True, slots=True)
class Pick:
    """What one selection comes to: `right`, `wrong` and `abstained` add up to 1, ties are averaged.

    `probability` is what the rule says of its pick, None where it says nothing.
    """

    right: float
    wrong: float
    abstained: float
    harm: float
    help: float
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Mean:
    """The means of picks over an issue's subsets."""

    right: float = 0.0
    wrong: float = 0.0
    abstained: float = 0.0
    harm: float = 0.0
    help: float = 0.0


@dataclass(frozen=True, slots=True)
class Point:
    """What k candidates of an issue come to: by a perfect choice, by any choice, and by each rule."""

    k: int
    oracle: float
    any: float
    default: float
    rules: Mapping[str, Mean]


def pick_of(selection: Selection, labelled: Labelled) -> Pick:
    """Return what a selection comes to on an issue whose candidates it was made from."""
    if selection.winner is None:
        return Pick(0.0, 0.0, 1.0, 0.0, 0.0)
    right = labelled.share(selection.tied or (selection.winner,))
    default = default_right(labelled)
    harm, help_ = max(0.0, default - right), max(0.0, right - default)
    return Pick(right, 1 - right, 0.0, harm, help_, selection.probability)


def default_right(labelled: Labelled) -> float:
    """Return the chance that a member of the largest cluster is right, equal clusters averaged."""
    groups = list(labelled.evidence.clusters.members.values())
    most = max(map(len, groups), default=0)
    shares = [labelled.share(group) for group in groups if len(group) == most]
    return sum(shares) / len(shares) if shares else 0.0


def points(
    labelled: Labelled, entrants: Sequence[Entrant], ks: Sequence[int], samples: int, seed: int
) -> list[Point]:
    """Return an issue's points, one for each k in order; a k beyond its candidates is all of them.

    Every rule sees the same subsets, and in each of them only what would be known had no other candidate been
    made.
    """
    played = {entrant.name: entrant.choose_for(labelled) for entrant in entrants}
    found: dict[int, Point] = {}
    for k in ks:
        size = min(k, len(labelled.resolved))
        if size not in found:
            found[size] = _point(labelled, played, size, subsets(labelled.ids, size, samples, seed))
    return [found[min(k, len(labelled.resolved))] for k in ks]


def _point(
    labelled: Labelled, played: Mapping[str, Choose], k: int, drawn: Sequence[tuple[str, ...]]
) -> Point:
    picks: dict[str, list[Pick]] = {name: [] for name in played}
    defaults = []
    for ids in drawn:
        part = Labelled(labelled.evidence.only(ids), {id_: labelled.resolved[id_] for id_ in ids})
        defaults.append(default_right(part))
        for name, choose in played.items():
            picks[name].append(pick_of(choose(part.evidence), part))
    n = len(labelled.resolved)
    return Point(
        k=k,
        oracle=pass_at(n, labelled.right, k),
        any=pass_at(n, labelled.right, 1),
        default=_mean(defaults),
        rules={name: _mean_of(some) for name, some in picks.items()},
    )


def _mean_of(picks: Sequence[Pick]) -> Mean:
    return Mean(
        right=_mean(one.right for one in picks),
        wrong=_mean(one.wrong for one in picks),
        abstained=_mean(one.abstained for one in picks),
        harm=_mean(one.harm for one in picks),
        help=_mean(one.help for one in picks),
    )


def _mean(numbers: Iterable[float]) -> float:
    listed = list(numbers)
    return sum(listed) / len(listed) if listed else 0.0
