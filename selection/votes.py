"""From a test matrix to votes: which tests speak, for whom, and which existing tests a patch breaks.

The rule is CodeMonkeys' (each generated test votes for the patches that pass it) with its gaps closed: only
tests that fail on the base speak; tests that tell the candidates apart in the same way are one ballot,
however many they are; and nothing but a reported pass counts as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envs.outcomes import Outcome
from selection.clusters import Clusters
from selection.matrix import BASE, TestCase, TestMatrix
from selection.verdict import Verdict

SHOWS_THE_BUG = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.TIMED_OUT})
"""What a test must do on the base, twice, to speak: a hang or a crash can be the very bug."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """Tests of one behaviour, which together cast one vote for every row in `passes`."""

    tests: tuple[TestCase, ...]
    passes: frozenset[str]

    @property
    def authors(self) -> frozenset[str]:
        """The candidates that wrote these tests."""
        return frozenset(author for test in self.tests for author in test.authors)


@dataclass(frozen=True, slots=True)
class Vote:
    """What the tests say of one cluster.

    `ballots` are those it wins, of `of` in all. `failed` are the tests of the others. `own_only` says
    that every ballot it wins was written by its own members alone. `regressions` are the existing tests that
    pass on the base, twice, and not here, of `guards` in all.
    """

    row: str
    ballots: tuple[Ballot, ...]
    of: int
    failed: tuple[str, ...]
    own_only: bool
    regressions: tuple[str, ...]
    guards: int

    @property
    def count(self) -> int:
        """How many votes it has."""
        return len(self.ballots)

    @property
    def passed(self) -> tuple[str, ...]:
        """The tests of the ballots it wins."""
        return tuple(sorted(test.id for ballot in self.ballots for test in ballot.tests))


def speaking(matrix: TestMatrix) -> tuple[TestCase, ...]:
    """Return the generated tests that fail on the base in both runs: those that can show a bug is gone."""
    quarantined = set(matrix.quarantined)
    return tuple(
        test
        for test in matrix.generated
        if test.id not in quarantined and matrix.outcome(test.id, BASE) in SHOWS_THE_BUG
    )


def guarding(matrix: TestMatrix) -> tuple[TestCase, ...]:
    """Return the existing tests that pass on the base in both runs: those that a patch can break."""
    quarantined = set(matrix.quarantined)
    return tuple(
        test for test in matrix.existing if test.id not in quarantined and matrix.passes(test.id, BASE)
    )


def ballots(matrix: TestMatrix) -> tuple[Ballot, ...]:
    """Return one ballot for each behaviour among the speaking tests that some row passes."""
    alike: dict[frozenset[str], list[TestCase]] = {}
    for test in speaking(matrix):
        passes = frozenset(row for row in matrix.rows if matrix.passes(test.id, row))
        if passes:
            alike.setdefault(passes, []).append(test)
    found = [
        Ballot(tuple(sorted(tests, key=lambda test: test.id)), passes) for passes, tests in alike.items()
    ]
    return tuple(sorted(found, key=lambda ballot: ballot.tests[0].id))


def count_votes(clusters: Clusters, matrix: TestMatrix) -> Mapping[str, Vote]:
    """Return each row's vote."""
    cast, guards = ballots(matrix), guarding(matrix)
    votes = {}
    for row in matrix.rows:
        won = tuple(ballot for ballot in cast if row in ballot.passes)
        own = frozenset(clusters.members.get(row, ()))
        votes[row] = Vote(
            row=row,
            ballots=won,
            of=len(cast),
            failed=tuple(sorted(test.id for ballot in cast if ballot not in won for test in ballot.tests)),
            own_only=bool(won) and all(ballot.authors <= own for ballot in won),
            regressions=tuple(sorted(test.id for test in guards if not matrix.passes(test.id, row))),
            guards=len(guards),
        )
    return votes


def verdicts(clusters: Clusters, matrix: TestMatrix) -> tuple[Verdict, ...]:
    """Return what the tests say of each candidate that has a row, as verdicts of two judges.

    `votes` scores the share of ballots won and `regressions` the share of guarding tests that still pass;
    either has no score where there is no such test.
    """
    targets = {test.id: test.target for test in matrix.tests}
    found = []
    for row, vote in count_votes(clusters, matrix).items():
        share = vote.count / vote.of if vote.of else None
        kept = 1 - len(vote.regressions) / vote.guards if vote.guards else None
        for candidate in sorted(clusters.members.get(row, ())):
            found.append(Verdict("votes", candidate, share, _words(vote, targets)))
            found.append(Verdict("regressions", candidate, kept, _broken(vote, matrix)))
    return tuple(found)


def some(names: Sequence[str], most: int = 3) -> str:
    """Return the first few names as one phrase, with how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _words(vote: Vote, targets: Mapping[str, str]) -> str:
    if not vote.of:
        return "no test that fails on the base passes with any candidate"
    parts = [f"{vote.count} of {vote.of} votes"]
    if vote.passed:
        parts.append(f"passes {some([targets[test] for test in vote.passed])}")
    if vote.failed:
        parts.append(f"fails {some([targets[test] for test in vote.failed])}")
    if vote.own_only:
        parts.append("only tests of its own authors vote for it")
    return "; ".join(parts)


def _broken(vote: Vote, matrix: TestMatrix) -> str:
    if not vote.guards:
        return "no existing test near the change passes on the base"
    if not vote.regressions:
        return f"all {vote.guards} existing tests that pass on the base still pass"
    first = vote.regressions[0]
    message = matrix.message(first, vote.row)
    why = f" ({first}: {matrix.outcome(first, vote.row)}{', ' + message if message else ''})"
    return f"breaks {len(vote.regressions)} of {vote.guards} existing tests: {some(vote.regressions)}{why}"
