"""The counts of the evidence that published rules decide by, each for one candidate.

None stands for "was not tested"; a test without a reported pass is never counted as one. Tests that two runs
on the base disagree about count nowhere, nor do existing tests that the issue legitimately changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from selection.candidate import Candidate, TestFile
from selection.evidence import Evidence
from selection.matrix import TestCase, TestMatrix
from selection.votes import Vote, count_votes, guarding, speaking


class Tallies:
    """Counts what the matrix and the clusters of one issue say."""

    def __init__(self, evidence: Evidence) -> None:
        self.matrix = heard(evidence)
        self._clusters = evidence.clusters.members
        self._cluster = {id_: key for key, ids in self._clusters.items() for id_ in ids}
        self._votes: Mapping[str, Vote] = count_votes(evidence.clusters, self.matrix)
        self._guards = len(guarding(self.matrix))
        self._files = _files(self.matrix.generated)

    def cluster(self, one: Candidate) -> str:
        """Return the cluster of a candidate, empty where it has none."""
        return self.cluster_of(one.id)

    def cluster_of(self, id_: str) -> str:
        """Return the cluster of a candidate's id, empty where it has none."""
        return self._cluster.get(id_, "")

    def size(self, one: Candidate) -> int:
        """Return how many candidates made the same program."""
        return len(self._clusters.get(self.cluster(one), (one.id,)))

    def tested(self, one: Candidate) -> bool:
        """Whether it has a row in the matrix."""
        return self.cluster(one) in self._votes

    def votes(self, one: Candidate) -> int:
        """Return how many ballots of `selection.votes` it wins."""
        vote = self._votes.get(self.cluster(one))
        return vote.count if vote else 0

    def regressions(self, one: Candidate) -> tuple[str, ...]:
        """Return the existing tests that pass on the base and not with it."""
        vote = self._votes.get(self.cluster(one))
        return vote.regressions if vote else ()

    def broken(self, one: Candidate) -> int | None:
        """Return how many existing tests that pass on the base do not pass with it."""
        return len(self.regressions(one)) if self.tested(one) else None

    def kept(self, one: Candidate) -> int | None:
        """Return how many existing tests that pass on the base still pass."""
        return self._guards - len(self.regressions(one)) if self.tested(one) else None

    def passed_tests(self, one: Candidate) -> int | None:
        """Return how many generated tests it passes, whatever they do on the base."""
        if not self.tested(one):
            return None
        return sum(self.matrix.passes(test.id, self.cluster(one)) for test in self.matrix.generated)

    def passed_scripts(self, one: Candidate) -> int | None:
        """Return how many generated test files it passes in full, each as often as it was written."""
        if not self.tested(one):
            return None
        return sum(len(tests[0].authors) or 1 for tests in self._files.values() if self._passes(one, tests))

    def reproduces(self, one: Candidate) -> int | None:
        """Return 1 when it passes the reproduction test, else 0; 0 for all where there is none.

        It is the file written most often of those that fail on the base, of equals the first by content.
        """
        if not self.tested(one):
            return None
        alarms = {test.id for test in speaking(self.matrix)}
        files = {
            file: tests for file, tests in self._files.items() if any(test.id in alarms for test in tests)
        }
        if not files:
            return 0
        chosen = min(files, key=lambda file: (-len(files[file][0].authors), file.path, file.content))
        return int(self._passes(one, files[chosen]))

    def _passes(self, one: Candidate, tests: Sequence[TestCase]) -> bool:
        return all(self.matrix.passes(test.id, self.cluster(one)) for test in tests)


def heard(evidence: Evidence) -> TestMatrix:
    """Return the matrix without the tests that decide nothing: flaky ones, and those the issue changes."""
    matrix = evidence.matrix
    silent = {*matrix.quarantined, *evidence.excused}
    return replace(matrix, tests=tuple(test for test in matrix.tests if test.id not in silent))


def _files(generated: Sequence[TestCase]) -> Mapping[TestFile, tuple[TestCase, ...]]:
    found: dict[TestFile, list[TestCase]] = {}
    for test in generated:
        if test.file is not None:
            found.setdefault(test.file, []).append(test)
    return {file: tuple(tests) for file, tests in found.items()}
