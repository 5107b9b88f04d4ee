"""Evidence of any kind, made up by hypothesis: what the invariants are tried on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from hypothesis import strategies as st

from envs.outcomes import Outcome
from selection.candidate import Candidate, TestFile
from selection.clusters import Clusters
from selection.evidence import Comparison, Evidence
from selection.excused import excused_tests
from selection.matrix import BASE, TestCase, TestMatrix, generated_case
from selection.verdict import Verdict

IDLE = -2
JUDGES = ("verifier:digest", "verifier:patch", "features")
OUTCOMES = st.sampled_from([Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.FAILED, *Outcome])
PROBLEM = "clamp returns `low` when it should return high\n\n>>> clamp(9, 0, 5)\n0\n"

KEPT = TestCase("tests/test_old.py::test_same", None, "tests/test_old.py::test_same")
CHANGED = TestCase("tests/test_old.py::test_changed", None, "tests/test_old.py::test_changed")
SHOWS = generated_case(
    TestFile("tests/test_new.py", "def test_new(): ...\n", "x"), "tests/test_new.py::test_new", ("t",)
)


def patch_of(program: int, length: int = 1) -> str:
    """Return a diff that makes the program of this number; longer ones make the same."""
    added = "".join(f"+    # said again {number}\n" for number in range(length - 1))
    return (
        "diff --git a/calc.py b/calc.py\n--- a/calc.py\n+++ b/calc.py\n"
        f"@@ -1,2 +1,{1 + length} @@ def clamp(x, low, high):\n     if x > high:\n-        return low\n"
        f"{added}+        return high + {program}\n"
    )


def candidate_of(patch: str, origin: str, tests: tuple[TestFile, ...] = ()) -> Candidate:
    """Return a candidate whose id depends on its origin and patch alone."""
    return Candidate(
        hashlib.sha256(f"{origin}\0{patch}".encode()).hexdigest()[:12], patch, tests, origin=origin
    )


def gathered(candidates: list[Candidate], programs: dict[str, int | None]) -> Clusters:
    """Return the clusters of candidates whose program is known; None is a patch that does not apply.

    `IDLE` is the program of patches that change nothing but comments.
    """
    members: dict[str, list[str]] = {}
    failed = {}
    for one in sorted({one.id: one for one in candidates}.values(), key=lambda one: (len(one.patch), one.id)):
        program = programs[one.id]
        if one.patch and program is None:
            failed[one.id] = "no such line"
        elif one.patch and program != IDLE:
            members.setdefault(hashlib.sha256(str(program).encode()).hexdigest()[:16], []).append(one.id)
    idle = sorted(one.id for one in candidates if one.patch and programs[one.id] == IDLE)
    return Clusters(
        {key: tuple(ids) for key, ids in sorted(members.items())}, failed, tuple(dict.fromkeys(idle))
    )


def crowd(agreeing: int, others: int) -> Evidence:
    """Return candidates of which some make one program that passes the issue's test; all break an old one."""
    numbers = [0] * agreeing + list(range(1, others + 1))
    pool = tuple(candidate_of(patch_of(number), f"sample {place}") for place, number in enumerate(numbers))
    clusters = gathered(list(pool), {one.id: number for one, number in zip(pool, numbers, strict=True)})
    lead = clusters.key_of(pool[0].id)
    rows = tuple(clusters.members)
    outcomes = {
        (KEPT.id, BASE): Outcome.PASSED,
        (CHANGED.id, BASE): Outcome.PASSED,
        (SHOWS.id, BASE): Outcome.FAILED,
    }
    for row in rows:
        outcomes[KEPT.id, row] = Outcome.PASSED
        outcomes[CHANGED.id, row] = Outcome.FAILED
        outcomes[SHOWS.id, row] = Outcome.PASSED if row == lead else Outcome.FAILED
    matrix = TestMatrix((KEPT, CHANGED, SHOWS), rows, outcomes)
    excused = excused_tests(clusters, matrix)
    assert set(excused) == {CHANGED.id}
    return Evidence("t", candidates=pool, clusters=clusters, matrix=matrix, excused=excused)


def scripts_passed(clusters: Clusters, passed: Mapping[str, int], authors: tuple[str, ...]) -> TestMatrix:
    """Return a matrix of test files that fail on the base; each program passes so many of them."""
    word = "_".join(authors)
    files = [
        TestFile(f"tests/test_{word}_{number}.py", "def test(): ...\n", word)
        for number in range(max(passed.values()))
    ]
    tests = tuple(generated_case(file, f"{file.path}::test", authors) for file in files)
    outcomes = {(test.id, BASE): Outcome.FAILED for test in tests}
    for row in clusters.members:
        won = passed.get(row, 0)
        outcomes |= {
            (test.id, row): Outcome.PASSED if number < won else Outcome.FAILED
            for number, test in enumerate(tests)
        }
    return TestMatrix(tests, tuple(clusters.members), outcomes)


@st.composite
def evidence(draw: st.DrawFn, least: int = 0, most: int = 6) -> Evidence:
    """Draw an issue: candidates of few programs, blank ones, tests, verdicts and comparisons."""
    candidates: list[Candidate] = []
    programs: dict[str, int | None] = {}
    for number in range(draw(st.integers(least, most))):
        program = draw(st.sampled_from([0, 0, 1, 1, 2, 3, None, -1, IDLE]))
        patch = "" if program == -1 else patch_of(9 if program is None else program, draw(st.integers(1, 2)))
        one = candidate_of(patch, f"sample {number}")
        candidates.append(one)
        programs[one.id] = program
    clusters = gathered(candidates, programs)
    ids = [one.id for one in candidates]
    matrix = draw(_matrix(tuple(key for key in clusters.members if draw(st.integers(0, 5))), ids))
    verdicts = tuple(
        Verdict(judge, id_, draw(st.one_of(st.none(), st.sampled_from([0.1, 0.5, 0.9]))), "")
        for judge in JUDGES
        if draw(st.booleans())
        for id_ in ids
    )
    return Evidence(
        task="t",
        repo="calc",
        problem_statement=draw(st.sampled_from(["", PROBLEM])),
        candidates=tuple(candidates),
        clusters=clusters,
        matrix=matrix,
        verdicts=verdicts,
        comparisons=draw(_comparisons(ids)),
        results=draw(_results(clusters)),
        excused={"tests/test_calc.py::test_0": "the issue says so"} if draw(st.booleans()) else {},
    )


@st.composite
def _matrix(draw: st.DrawFn, rows: tuple[str, ...], ids: list[str]) -> TestMatrix:
    tests = [
        TestCase(f"tests/test_calc.py::test_{number}", None, f"tests/test_calc.py::test_{number}")
        for number in range(draw(st.integers(0, 3)))
    ]
    for number in range(draw(st.integers(0, 3))):
        authors = tuple(sorted(draw(st.sets(st.sampled_from(ids), max_size=2)))) if ids else ()
        file = TestFile(
            f"tests/test_new_{number}.py", f"def test_{number}(): ...\n", authors[0] if authors else ""
        )
        names = ("test_a", "test_b")[: draw(st.integers(1, 2))]
        tests += [generated_case(file, f"{file.path}::{name}", authors) for name in names]
    outcomes = {(test.id, row): draw(OUTCOMES) for test in tests for row in (BASE, *rows)}
    flaky = tuple(test.id for test in tests if not draw(st.integers(0, 7)))
    return TestMatrix(tuple(tests), rows, outcomes, {}, flaky)


@st.composite
def _results(draw: st.DrawFn, clusters: Clusters) -> dict[str, dict[str, str]]:
    found = {}
    for number in range(draw(st.integers(0, 3))):
        rows = {key: draw(st.sampled_from(["0", "1", "1", "2", ""])) for key in clusters.members}
        found[f"input {number}"] = {
            id_: rows[key] for key, ids in clusters.members.items() if rows[key] for id_ in ids
        }
    return found


@st.composite
def _comparisons(draw: st.DrawFn, ids: list[str]) -> tuple[Comparison, ...]:
    if len(ids) < 2:
        return ()
    found = []
    for _ in range(draw(st.integers(0, 4))):
        shown = tuple(draw(st.lists(st.sampled_from(ids), min_size=2, max_size=3, unique=True)))
        judge, picked = draw(st.sampled_from(["duel", "trae"])), draw(st.sampled_from(["", *shown]))
        found.append(Comparison(judge, shown, picked, round=draw(st.integers(0, 2))))
    return tuple(found)
