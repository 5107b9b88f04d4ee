"""Every source of verdicts by itself: what its numbers are worth, and how far they alone would lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from selection.lab.calibration import Reliability, Said, reliability
from selection.lab.chances import best_at
from selection.lab.labelled import Labelled
from selection.lab.replay import Entrant, pick_of
from selection.votes import verdicts


@dataclass(frozen=True, slots=True)
class Source:
    """A source of numbers about candidates.

    `best` is best@k of the ranking by its score alone, exact, for each k that was asked; empty where the
    numbers are no ranking of candidates but a rule's words about its picks.
    """

    name: str
    reliability: Reliability
    best: tuple[float, ...] = ()


def judges(issues: Sequence[Labelled], ks: Sequence[int]) -> list[Source]:
    """Return each judge whose verdicts are in the evidence, and what the tests say, on all candidates."""
    scores = [_scores(issue) for issue in issues]
    found = []
    for name in sorted({name for one in scores for name in one}):
        said = [_said(one.get(name, {}), issue) for one, issue in zip(scores, issues, strict=True)]
        worth = reliability(said)
        if worth is None:
            continue
        best = tuple(
            sum(
                best_at(one.get(name, {}), issue.resolved, k)
                for one, issue in zip(scores, issues, strict=True)
            )
            / len(issues)
            for k in ks
        )
        found.append(Source(name, worth, best))
    return found


def rules(issues: Sequence[Labelled], entrants: Sequence[Entrant]) -> list[Source]:
    """Return the probabilities that rules give, with all candidates: of their pick, and of every cluster."""
    found = []
    for entrant in entrants:
        picks: list[list[Said]] = []
        clusters: list[list[Said]] = []
        for issue in issues:
            selection = entrant.choose_for(issue)(issue.evidence)
            pick = pick_of(selection, issue)
            picks.append([] if pick.probability is None else [Said(pick.probability, pick.right)])
            members = issue.evidence.clusters.members
            clusters.append(
                [
                    Said(probability, issue.share(members[key]))
                    for key, probability in selection.probabilities.items()
                    if key in members
                ]
            )
        for noun, said in (("pick", picks), ("clusters", clusters)):
            worth = reliability(said)
            if worth is not None:
                found.append(Source(f"{entrant.name}: {noun}", worth))
    return found


def _scores(issue: Labelled) -> Mapping[str, Mapping[str, float]]:
    """Return the scores of each judge by candidate; what the tests say is made from the matrix."""
    evidence = issue.evidence
    found = {judge: evidence.scores(judge) for judge in {one.judge for one in evidence.verdicts}}
    for one in verdicts(evidence.clusters, evidence.matrix):
        if one.score is not None:
            found[one.judge] = {**found.get(one.judge, {}), one.candidate: one.score}
    return found


def _said(scores: Mapping[str, float], issue: Labelled) -> list[Said]:
    return [
        Said(min(1.0, max(0.0, score)), float(issue.resolved[id_]))
        for id_, score in sorted(scores.items())
        if id_ in issue.resolved
    ]
