"""What rules are made of: stages, each of which keeps the candidates of the best value."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from selection.candidate import Candidate
from selection.evidence import Evidence
from selection.rules.tallies import Tallies
from selection.unfit import unfit
from selection.verdict import Ranked, Selection

MISSING = float("-inf")


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: a number per candidate, None where it is not known, which is worse than any number.

    `noun` says what is counted, as in "most passing tests".
    """

    best: Literal["most", "fewest"]
    noun: str
    value: Callable[[Candidate], float | None]

    def worth(self, one: Candidate) -> float:
        """Return the value so that more is better and unknown is worst."""
        value = self.value(one)
        if value is None:
            return MISSING
        return value if self.best == "most" else -value

    def won(self, one: Candidate) -> str:
        """Return in words how a winner stands."""
        return f"{self.best} {self.noun} ({self._number(one)})"

    def lost(self, one: Candidate, winner: Candidate) -> str:
        """Return in words what put a candidate behind the winner."""
        if self.value(one) is None:
            return f"{self.noun}: not known, the winner has {self._number(winner)}"
        return f"{self.noun}: {self._number(one)}, the winner has {self._number(winner)}"

    def _number(self, one: Candidate) -> str:
        value = self.value(one)
        return "not known" if value is None else f"{value:.4g}"


def decide(
    rule: str, evidence: Evidence, tallies: Tallies, stages: Sequence[Stage], note: str = ""
) -> Selection:
    """Return what the stages, in their order, make of the candidates.

    A candidate that changes nothing or does not apply cannot win. What the stages leave equal is `tied`, and
    decided by hashes of the program and the patch.

    Args:
        rule: the name of the rule.
        evidence: all that is known.
        tallies: the counts of the evidence.
        stages: the earlier decide before the later.
        note: what a reader has to know of how the rule decided, such as evidence it did not find.
    """
    pool = {one.id: one for one in evidence.candidates}
    barred = {id_: unfit(one, evidence.clusters) for id_, one in pool.items()}
    worth = {id_: tuple(stage.worth(one) for stage in stages) for id_, one in pool.items()}

    def place(one: Candidate) -> tuple[object, ...]:
        return (bool(barred[one.id]), tuple(-value for value in worth[one.id]), content_hash(one, tallies))

    order = sorted(pool.values(), key=place)
    winner = order[0] if order and not barred[order[0].id] else None
    tied = (
        ()
        if winner is None
        else tuple(one.id for one in order if not barred[one.id] and worth[one.id] == worth[winner.id])
    )
    ranking = tuple(
        Ranked(
            candidate=one.id,
            cluster=tallies.cluster(one),
            votes=float(tallies.votes(one)),
            regressions=tallies.regressions(one),
            rejected=barred[one.id] or (_behind(one, winner, stages, tallies) if winner else ""),
        )
        for one in order
    )
    reason = _won(winner, stages, tied, tallies) if winner else abstained(evidence)
    return Selection(
        rule=rule,
        ranking=ranking,
        winner=winner.id if winner else None,
        reason=f"{reason}; {note}" if note else reason,
        verdicts=evidence.verdicts,
        clusters=evidence.clusters.members,
        tied=tied,
    )


def content_hash(one: Candidate, tallies: Tallies) -> tuple[str, str, str]:
    """Return what orders equals: hashes of the program and of the patch; the id only tells twins apart."""
    patch = hashlib.sha256(one.patch.encode("utf-8", "surrogateescape")).hexdigest()
    program = tallies.cluster(one) or patch
    return hashlib.sha256(program.encode()).hexdigest(), patch, one.id


def abstained(evidence: Evidence) -> str:
    """Return why there is no candidate that could win at all."""
    if not evidence.candidates:
        return "abstains: there are no candidates"
    if not any(one.patch.strip() for one in evidence.candidates):
        return f"abstains: none of {len(evidence.candidates)} candidates changes a source file"
    changes = " and changes the program" if evidence.clusters.idle else ""
    return f"abstains: none of {len(evidence.candidates)} patches applies{changes}"


def standing(evidence: Evidence) -> Mapping[str, Candidate]:
    """Return the candidates that can win: those that change something and apply, by id."""
    return {one.id: one for one in evidence.candidates if not unfit(one, evidence.clusters)}


def _behind(one: Candidate, winner: Candidate, stages: Sequence[Stage], tallies: Tallies) -> str:
    if one.id == winner.id or (tallies.cluster(one) and tallies.cluster(one) == tallies.cluster(winner)):
        return ""
    for stage in stages:
        if stage.worth(one) < stage.worth(winner):
            return stage.lost(one, winner)
    return "equal in all; the winner comes first by the hash of its content"


def _won(winner: Candidate, stages: Sequence[Stage], tied: Sequence[str], tallies: Tallies) -> str:
    parts = [stage.won(winner) for stage in stages] or ["any candidate is as good as another"]
    programs = {tallies.cluster_of(id_) or id_ for id_ in tied}
    if len(programs) > 1:
        parts.append(f"{len(programs)} programs equal in all, the first by the hash of its content")
    return ", then ".join(parts)
