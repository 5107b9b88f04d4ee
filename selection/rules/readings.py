"""The score of the one verifier that rules without execution go by."""

from __future__ import annotations

from statistics import mean

from selection.candidate import Candidate
from selection.evidence import Evidence
from selection.feature_verifier import JUDGE as FEATURES
from selection.rules.stages import Stage

NEEDS = ("verifier:digest", "verifier:patch", FEATURES)
"""Verifiers in the order in which one is taken: what reads the trajectory, the patch, and needs no model."""


class Readings:
    """The scores of one of `NEEDS`; `note` says which, where it is not the first.

    It is the reader that scored most programs, of equals the first, and `features` where none did: a
    program whose author left no trajectory must not lose for that.
    """

    def __init__(self, evidence: Evidence) -> None:
        found = {judge: scores for judge in NEEDS if (scores := evidence.scores(judge))}
        readers = [judge for judge in found if judge != FEATURES] or list(found)
        programs = evidence.clusters.members.values()
        reach = {judge: sum(not found[judge].keys().isdisjoint(ids) for ids in programs) for judge in readers}
        self.judge = max(readers, key=lambda judge: reach[judge], default="")
        self._scores = found.get(self.judge, {})
        self._members = {id_: ids for ids in evidence.clusters.members.values() for id_ in ids}
        self.note = ""
        if not self.judge:
            self.note = f"no verifier's score is known (asked for {' or '.join(NEEDS)})"
        elif self.judge != NEEDS[0]:
            self.note = f"the verifier is {self.judge}"

    def score(self, one: Candidate) -> float | None:
        """Return a candidate's score; of one that was not read, the mean of those of the same program."""
        if one.id in self._scores:
            return self._scores[one.id]
        others = [self._scores[id_] for id_ in self._members.get(one.id, ()) if id_ in self._scores]
        return mean(others) if others else None  # exact: three equal scores are no better than one

    @property
    def stage(self) -> Stage:
        """The stage that keeps the best score."""
        return Stage("most", "probability by the verifier", self.score)
