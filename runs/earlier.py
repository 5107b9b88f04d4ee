"""What a refiner is told of earlier attempts: patch, tests, failures and last words, the best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter

from agent.assignment import EarlierAttempt
from agent.shelf import SharedTest
from agent.trajectory import Trajectory
from runs.crews import Seat, origin_of
from runs.journal import Journal
from runs.judging import Judged
from runs.recorded import summaries
from selection.candidate import Candidate, TestFile
from selection.matrix import BASE, TestMatrix
from selection.unfit import unfit
from selection.votes import count_votes, speaking

KIND = "earlier"
FAILURES = 20
"""Failing tests of an attempt that are told."""
OTHER = -1
"""Author of a test whose sample does not matter."""
_ATTEMPTS = TypeAdapter(tuple[EarlierAttempt, ...])


def recorded_attempts(journal: Journal, sample: int) -> tuple[EarlierAttempt, ...] | None:
    """Return what a trajectory was told at its first start, None where it has not begun."""
    event = journal.last(KIND, sample=sample)
    return _ATTEMPTS.validate_python(event["attempts"]) if event is not None else None


async def give_attempts(
    seat: Seat, judged: Judged, trajectories: Mapping[int, Trajectory], journal: Journal
) -> None:
    """Record what a refiner is told; a resumed run tells it the same."""
    attempts = attempts_for(seat, judged, trajectories, summaries(journal))
    data = {"sample": seat.sample, "attempts": _ATTEMPTS.dump_python(attempts, mode="json")}
    await journal.append(KIND, data)


def attempts_for(
    seat: Seat, judged: Judged, trajectories: Mapping[int, Trajectory], told: Mapping[int, str]
) -> tuple[EarlierAttempt, ...]:
    """Return one attempt for each program, by rank; each refiner of a crew begins with another one."""
    samples = {origin_of(sample): one for sample, one in trajectories.items()}
    pool = {one.id: one for one in judged.pool.candidates if one.origin in samples}
    places = [place for place in judged.selection.ranking if place.candidate in pool]
    distinct: dict[str, Candidate] = {}
    for place in places:
        distinct.setdefault(place.cluster or place.candidate, pool[place.candidate])
    ranked = list(distinct.items())
    if not ranked:
        return ()
    start = seat.index % len(ranked)
    chosen = [*ranked[start:], *ranked[:start]][: seat.crew.earlier]
    ended = [(key, one, samples[one.origin]) for key, one in chosen]
    return tuple(_attempt(one, key, its, told.get(its.sample, ""), judged) for key, one, its in ended)


def _attempt(
    one: Candidate, row: str, trajectory: Trajectory, summary: str, judged: Judged
) -> EarlierAttempt:
    return EarlierAttempt(
        sample=trajectory.sample,
        exit_reason=trajectory.exit_reason,
        patch=one.patch,
        tests=tuple(_shared(file, trajectory.sample, judged.matrix) for file in one.tests),
        failures=failures_of(one, row, judged),
        summary=summary,
        against=_against(one, row, judged),
    )


def _against(one: Candidate, row: str, judged: Judged) -> tuple[SharedTest, ...]:
    """Return the test files of others of which a candidate fails something that shows the issue."""
    if unfit(one, judged.clusters):
        return ()
    unpassed, foreign = _unpassed(row, judged), _foreign(one, judged.matrix)
    files = dict.fromkeys(foreign[test] for test in unpassed if test in foreign)
    return tuple(SharedTest(file.path, file.content, OTHER) for file in files)


def _foreign(one: Candidate, matrix: TestMatrix) -> Mapping[str, TestFile]:
    """Return the tests that others wrote, by id, with their files."""
    own = {file.content for file in one.tests}
    return {
        test.id: test.file
        for test in matrix.generated
        if test.file is not None and test.file.content not in own
    }


def _shared(file: TestFile, author: int, matrix: TestMatrix) -> SharedTest:
    """Return a test with the first lines of what it said on the base."""
    said = [
        f"{test.target}: {matrix.message(test.id, BASE)}"
        for test in matrix.generated
        if test.file is not None and test.file.content == file.content and matrix.message(test.id, BASE)
    ]
    return SharedTest(file.path, file.content, author, "\n".join(said))


def failures_of(one: Candidate, row: str, judged: Judged) -> str:
    """Return the tests that speak against a candidate, one a line; empty where none does."""
    matrix, clusters = judged.matrix, judged.clusters
    if one.id in {*clusters.failed, *clusters.idle}:
        return f"The patch {unfit(one, clusters)}"
    vote = count_votes(clusters, matrix).get(row)
    if vote is None:
        return ""
    names = {test.id: test.target for test in matrix.tests}
    foreign = _foreign(one, matrix)
    lines = [
        _line(" (a test of another attempt)" if test in foreign else "", names[test], test, row, matrix)
        for test in _unpassed(row, judged)
    ]
    lines += [
        _line(" (it passes without the patch)", names[test], test, row, matrix) for test in vote.regressions
    ]
    more = [f"... and {len(lines) - FAILURES} more"] if len(lines) > FAILURES else []
    return "\n".join([*lines[:FAILURES], *more])


def _unpassed(row: str, judged: Judged) -> Sequence[str]:
    """Return the tests that show the issue and that a row does not pass, whoever wrote them."""
    return [test.id for test in speaking(judged.matrix) if not judged.matrix.passes(test.id, row)]


def _line(note: str, name: str, test: str, row: str, matrix: TestMatrix) -> str:
    message = matrix.message(test, row)
    return f"{name}: {matrix.outcome(test, row).value}{note}{f': {message}' if message else ''}"
