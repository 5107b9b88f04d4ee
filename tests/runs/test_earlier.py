from __future__ import annotations

import pytest

from agent.shelf import SharedTest
from agent.trajectory import ExitReason, Trajectory
from envs.outcomes import Outcome
from runs.crews import Seat
from runs.earlier import FAILURES, attempts_for, give_attempts, recorded_attempts
from runs.evidence import evidence_of, left_of
from runs.journal import Journal
from runs.judging import Judged
from runs.pool import Pool
from runs.recipe import Crew
from runs.rounds import Left, Standing
from selection.candidate import Candidate, TestFile
from selection.clusters import Clusters
from selection.matrix import BASE, TestCase, TestMatrix
from selection.select import select

P, F = Outcome.PASSED, Outcome.FAILED
FILE = TestFile("tests/test_a.py", "def test_a(): ...\n", "c0")


def patch(number):
    return f"diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-x\n+{number}\n"


def judged(outcomes, *, members=None, failed=None, blank=()):
    """A pool of candidates c0, c1, ..., and what tests `a`, `b` and the existing `old` say of each row."""
    rows = {f"k{number}": row for number, row in enumerate(outcomes)}
    members = members or {key: (f"c{key[1:]}",) for key in rows}
    ids = sorted({one for group in members.values() for one in group} | set(failed or {}) | set(blank))
    pool = tuple(
        Candidate(
            one,
            "" if one in blank else patch(one),
            tests=(FILE,) if one == "c0" else (),
            origin=f"sample {one[1:]}",
        )
        for one in ids
    )
    cases = (
        TestCase("a", FILE, "tests/test_a.py::test_a", ("c0",)),
        TestCase("b", TestFile("tests/test_b.py", "b", "sample 9"), "tests/test_b.py::test_b", ("sample 9",)),
        TestCase("old", None, "tests/test_old.py::test_old"),
    )
    table = {("a", BASE): F, ("b", BASE): F, ("old", BASE): P}
    for key, row in rows.items():
        table |= {(case.id, key): outcome for case, outcome in zip(cases, row, strict=True)}
    messages = {(case, key): f"{case} says no" for (case, key), one in table.items() if one is F}
    clusters = Clusters(members, failed or {})
    matrix = TestMatrix(cases, tuple(rows), table, messages)
    return Judged(Pool(pool), clusters, matrix, select(pool, clusters, matrix))


def trajectories(*samples):
    ended = ExitReason.SUBMITTED
    return {
        n: Trajectory(sample=n, model="m", exit_reason=ended, diff="", message=f"words {n}") for n in samples
    }


def refiner(index=0, **crew):
    return Seat(10 + index, Crew(kind="refiner", **crew), index)


def test_the_best_comes_first_one_for_each_program_and_each_refiner_begins_with_another():
    found = judged(
        [(P, F, P), (P, P, P), (F, F, F)], members={"k0": ("c0", "c3"), "k1": ("c1",), "k2": ("c2",)}
    )
    told = {n: f"summary {n}" for n in range(4)}
    order = [
        [one.sample for one in attempts_for(refiner(index), found, trajectories(0, 1, 2, 3), told)]
        for index in range(4)
    ]
    assert order == [[1, 0, 2], [0, 2, 1], [2, 1, 0], [1, 0, 2]]
    (alone,) = attempts_for(refiner(earlier=1), found, trajectories(0, 1, 2, 3), told)
    assert (alone.patch, alone.summary, alone.failures) == (patch("c1"), "summary 1", "")


def test_what_speaks_against_it_is_told_whoever_wrote_it():
    found = judged([(P, P, P), (F, P, F)])
    (_, worse) = attempts_for(refiner(), found, trajectories(0, 1), {})
    assert worse.failures.splitlines() == [
        "tests/test_a.py::test_a: failed (a test of another attempt): a says no",
        "tests/test_old.py::test_old: failed (it passes without the patch): old says no",
    ]
    assert [(one.path, one.content) for one in worse.against] == [(FILE.path, FILE.content)]
    (best, *_) = attempts_for(refiner(), found, trajectories(0, 1), {})
    assert best.against == ()
    assert best.tests == (SharedTest(FILE.path, FILE.content, 0, "tests/test_a.py::test_a: a says no"),)


def test_a_patch_that_does_not_apply_and_one_that_is_empty_are_told_last():
    found = judged([(P, P, P)], members={"k0": ("c0",)}, failed={"c1": "no such file"}, blank=("c2",))
    attempts = attempts_for(refiner(), found, trajectories(0, 1, 2), {})
    assert attempts[0].sample == 0
    failures = {one.sample: one.failures for one in attempts}
    assert failures == {0: "", 1: "The patch does not apply: no such file", 2: ""}


def test_only_our_own_attempts_are_told():
    assert attempts_for(refiner(), judged([(P, P, P)]), {}, {}) == ()


def test_there_are_never_more_failures_than_can_be_read():
    found = judged([(F, F, P)])
    many = tuple(TestCase(f"t{n}", FILE, f"tests/test_a.py::test_{n}") for n in range(FAILURES + 5))
    table = {(case.id, row): F for case in many for row in (BASE, "k0")}
    matrix = TestMatrix(many, ("k0",), table)
    crowded = Judged(
        found.pool, found.clusters, matrix, select(found.pool.candidates, found.clusters, matrix)
    )
    (one,) = attempts_for(refiner(), crowded, trajectories(0), {})
    assert len(one.failures.splitlines()) == FAILURES + 1
    assert one.failures.endswith("... and 5 more")


async def test_a_refiner_is_told_the_same_again_bytes_that_are_no_text_included(tmp_path):
    found = judged([(P, F, P)])
    strange = Judged(
        Pool(
            tuple(
                Candidate(one.id, one.patch + "+\udce9\n", one.tests, origin=one.origin)
                for one in found.pool.candidates
            )
        ),
        found.clusters,
        found.matrix,
        found.selection,
    )
    with Journal(tmp_path) as journal:
        await give_attempts(refiner(), strange, trajectories(0), journal)
        before = recorded_attempts(journal, 10)
    with Journal(tmp_path) as journal:
        assert recorded_attempts(journal, 10) == before
        assert recorded_attempts(journal, 11) is None
    assert before is not None
    assert before[0].patch.endswith("+\udce9\n")


def test_evidence_counts_behaviours_and_not_programs():
    members = {"k0": ("c0", "c3"), "k1": ("c1",), "k2": ("c2",)}
    known = evidence_of(judged([(P, F, P), (P, F, P), (F, F, F)], members=members), Left(2, 1, 0))
    assert known.best == (
        Standing(samples=3, programs=2, votes=1, unmet=1),
        Standing(samples=1, programs=1, failed=1, broken=1, unmet=1),
    )
    assert known.shown
    assert known.alike
    assert known.probability is None


@pytest.mark.parametrize(("kind", "left"), [("tester", Left(0, 2, 0)), ("refiner", Left(0, 0, 2))])
def test_what_is_left_is_counted_by_purpose(kind, left):
    crew = Crew(kind=kind)
    assert left_of([Seat(0, crew, 0), Seat(1, crew, 1)]) == left
