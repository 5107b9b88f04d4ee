"""Everything known of one issue's candidates before a rule decides: what rules, verifiers and the lab share.

Nothing in it comes from hidden tests or labels, and a candidate's origin is in it for people only.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from statistics import mean

from selection.candidate import Candidate
from selection.clusters import Clusters
from selection.excused import excused_tests
from selection.matrix import TestCase, TestMatrix
from selection.verdict import Verdict

ISSUE = "issue"
"""The run of the issue's own programs, among those of `Evidence.executed`."""
SEPARATING = frozenset({"duel", "differences"})
"""Authors whose tests were asked for to tell some candidates apart."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One reading of several candidates side by side.

    `shown` are candidate ids in the order the judge saw them; `picked` is one of them, empty when it picked
    none. Comparisons of equal `shown` sets are repeated readings. `round` counts from 1 where the winners of
    groups meet again: who is shown in a round won, or was not shown, in the one before. It is 0 elsewhere.
    """

    judge: str
    shown: tuple[str, ...]
    picked: str
    evidence: str = ""
    round: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one issue's candidates.

    `facts` are measured properties of a candidate that do not depend on the others, by candidate id and name
    (see `selection.features`). `executed` is how much of what a candidate changes runs on the base, from 0 to
    1, by run (`ISSUE` or a test's id) and candidate id (see `selection.executions`). `results` are what
    programs come to that part the candidates, by the program's and the candidate's names: equal texts are
    equal results, and nothing else is told of them (see `selection.differences.results`). `verdicts` are
    those of verifiers, `comparisons` those of judges who saw several candidates. `excused` are existing tests
    that the issue legitimately changes, with the recorded judgement why: they guard nothing.
    """

    task: str
    repo: str = ""
    problem_statement: str = ""
    candidates: tuple[Candidate, ...] = ()
    clusters: Clusters = field(default_factory=Clusters)
    matrix: TestMatrix = field(default_factory=TestMatrix)
    facts: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    executed: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    results: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    verdicts: tuple[Verdict, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    excused: Mapping[str, str] = field(default_factory=dict)

    def candidate(self, id_: str) -> Candidate:
        """Return the candidate of an id.

        Raises:
            KeyError: there is none.
        """
        for one in self.candidates:
            if one.id == id_:
                return one
        raise KeyError(id_)

    def scores(self, judge: str) -> Mapping[str, float]:
        """Return a judge's scores by candidate id, the mean where it read one several times.

        Candidates that it could not score are not in it.
        """
        found: dict[str, list[float]] = {}
        for one in self.verdicts:
            if one.judge == judge and one.score is not None:
                found.setdefault(one.candidate, []).append(one.score)
        return {
            candidate: mean(scores) if len(scores) > 1 else scores[0]  # exact, whatever the order, and slow
            for candidate, scores in found.items()
        }

    def with_facts(self, found: Mapping[str, Mapping[str, float]]) -> Evidence:
        """Return the evidence with further facts beside those it has, by candidate id and name."""
        facts = {id_: {**self.facts.get(id_, {}), **found.get(id_, {})} for id_ in {**self.facts, **found}}
        return replace(self, facts=facts)

    def without_tests_of(self, authors: Collection[str]) -> Evidence:
        """Return what would be known had some authors written no test."""
        tests = (_written_by_others(test, authors) for test in self.matrix.tests)
        kept = tuple(test for test in tests if test is not None)
        return replace(self, matrix=replace(self.matrix, tests=kept))

    def only(self, ids: Collection[str]) -> Evidence:
        """Return what would be known had only these candidates been made.

        Tests that only others wrote go with them, and so do those that were asked for to tell them apart;
        those of authors who bring no candidate stay. Candidates of one program stand for each other in
        comparisons. An existing test is excused as it would be by running these alone, or by a judgement
        that was not made by running.
        """
        kept = tuple(one for one in self.candidates if one.id in ids)
        members = {
            key: tuple(id_ for id_ in group if id_ in ids) for key, group in self.clusters.members.items()
        }
        clusters = Clusters(
            {key: group for key, group in members.items() if group},
            {id_: why for id_, why in self.clusters.failed.items() if id_ in ids},
            tuple(id_ for id_ in self.clusters.idle if id_ in ids),
        )
        comparisons = self._comparisons_of(ids)
        absent = {one.id for one in self.candidates} - set(ids)
        asked = SEPARATING - {one.judge for one in comparisons} if absent else frozenset[str]()
        matrix = self._matrix_of(frozenset(clusters.members), absent | asked)
        by_running = excused_tests(self.clusters, self.matrix) if self.excused else {}
        judged = {test: why for test, why in self.excused.items() if test not in by_running}
        return replace(
            self,
            candidates=kept,
            clusters=clusters,
            matrix=matrix,
            facts={id_: facts for id_, facts in self.facts.items() if id_ in ids},
            executed={
                run: {id_: share for id_, share in shares.items() if id_ in ids}
                for run, shares in self.executed.items()
                if run == ISSUE or any(test.id == run for test in matrix.tests)
            },
            results={
                program: {id_: result for id_, result in found.items() if id_ in ids}
                for program, found in self.results.items()
            },
            verdicts=tuple(one for one in self.verdicts if one.candidate in ids),
            comparisons=comparisons,
            excused={**judged, **excused_tests(clusters, matrix)},
        )

    def _comparisons_of(self, ids: Collection[str]) -> tuple[Comparison, ...]:
        """Return the comparisons whose programs are all there, each shown by a candidate that is."""
        stand_in = {id_: id_ for id_ in ids}
        for group in self.clusters.members.values():
            there = next((id_ for id_ in group if id_ in ids), None)
            if there is not None:
                stand_in = dict.fromkeys(group, there) | stand_in
        return tuple(
            replace(
                one,
                shown=tuple(stand_in[id_] for id_ in one.shown),
                picked=stand_in[one.picked] if one.picked else "",
            )
            for one in self.comparisons
            if all(id_ in stand_in for id_ in one.shown)
        )

    def _matrix_of(self, rows: frozenset[str], absent: Collection[str]) -> TestMatrix:
        tests = tuple(_written_by_others(test, absent) for test in self.matrix.tests)
        kept = tuple(test for test in tests if test is not None)
        return replace(
            self.matrix,
            tests=kept,
            rows=tuple(row for row in self.matrix.rows if row in rows),
            quarantined=tuple(id_ for id_ in self.matrix.quarantined if any(test.id == id_ for test in kept)),
        )


def _written_by_others(test: TestCase, absent: Collection[str]) -> TestCase | None:
    """Return a test as it would be without some authors, None where nobody else wrote it."""
    authors = tuple(author for author in test.authors if author not in absent)
    if test.file is not None and test.authors and not authors:
        return None
    return test if authors == test.authors else replace(test, authors=authors)
