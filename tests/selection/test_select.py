from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.outcomes import Outcome
from selection.candidate import Candidate, DroppedEdit, TestFile
from selection.clusters import Clusters, content_order
from selection.matrix import BASE, TestCase, TestMatrix
from selection.select import select
from selection.votes import ballots, count_votes, guarding, speaking

P, F, E = Outcome.PASSED, Outcome.FAILED, Outcome.ERROR
FILE = TestFile("tests/test_issue.py", "def test_it(): ...\n", "a")
NOT_PASSED = [one for one in Outcome if one is not Outcome.PASSED]


def patch_of(name, lines=1):
    header = f"diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1,{lines} @@\n-0\n"
    return header + "".join(f"+{name}{number}\n" for number in range(lines))


def candidate(name, **changes):
    return replace(Candidate(id=name, patch=patch_of(name), origin=name), **changes)


def clustered(candidates, groups=None):
    """Clusters of their own, or as grouped; representatives first as `cluster` puts them."""
    pool = {one.id: one for one in candidates if one.patch}
    groups = groups or {f"k{id_}": (id_,) for id_ in pool}
    order = {key: tuple(sorted(ids, key=lambda id_: content_order(pool[id_]))) for key, ids in groups.items()}
    return Clusters({key: ids for key, ids in order.items() if ids})


def matrix_of(generated, existing=None, quarantined=(), authors=None):
    """A matrix from `{test: {row: outcome}}`."""
    tests, outcomes = [], {}
    for name, row in generated.items():
        tests.append(TestCase(name, FILE, name, tuple((authors or {}).get(name, ("a",)))))
        outcomes |= {(name, key): outcome for key, outcome in row.items()}
    for name, row in (existing or {}).items():
        tests.append(TestCase(name, None, name))
        outcomes |= {(name, key): outcome for key, outcome in row.items()}
    rows = tuple(sorted({key for _, key in outcomes} - {BASE}))
    return TestMatrix(tuple(tests), rows, outcomes, quarantined=tuple(quarantined))


def row(base, **rest):
    return {BASE: base, **{f"k{key}": outcome for key, outcome in rest.items()}}


def test_most_votes_win_and_the_losers_are_told_why():
    pool = [candidate("a"), candidate("b"), candidate("c")]
    matrix = matrix_of(
        {"t1": row(F, a=P, b=P, c=F), "t2": row(E, a=P, b=F, c=F), "old": row(P, a=P, b=P, c=P)},
        {"r1": row(P, a=P, b=P, c=P)},
    )
    chosen = select(pool, clustered(pool), matrix)
    assert chosen.winner == "a"
    assert chosen.reason.startswith("2 of 2 votes, breaks none of 1 existing tests")
    told = {one.candidate: one.rejected for one in chosen.ranking}
    assert told["a"] == ""
    assert told["b"] == "fails 1 of 2 reproduction tests: 1 votes, the winner has 2"
    assert told["c"] == "fails 2 of 2 reproduction tests"
    assert {(one.judge, one.candidate): one.score for one in chosen.verdicts} == {
        ("votes", "a"): 1.0,
        ("votes", "b"): 0.5,
        ("votes", "c"): 0.0,
        ("regressions", "a"): 1.0,
        ("regressions", "b"): 1.0,
        ("regressions", "c"): 1.0,
    }


def test_a_patch_that_breaks_an_existing_test_cannot_win():
    pool = [candidate("a"), candidate("b")]
    matrix = matrix_of({"t1": row(F, a=P, b=P), "t2": row(F, a=P, b=F)}, {"r": row(P, a=F, b=P)})
    chosen = select(pool, clustered(pool), matrix)
    assert chosen.winner == "b"
    assert {one.candidate: one.rejected for one in chosen.ranking}["a"] == "breaks r"


@pytest.mark.parametrize("outcome", NOT_PASSED)
def test_nothing_but_a_pass_is_a_pass(outcome):
    pool = [candidate("a"), candidate("b")]
    matrix = matrix_of({"t": row(F, a=outcome, b=P)}, {"r": row(P, a=P, b=P)})
    assert select(pool, clustered(pool), matrix).winner == "b"
    matrix = matrix_of({"t": row(F, a=P)}, {"r": row(P, a=outcome)})
    chosen = select([pool[0]], clustered([pool[0]]), matrix)
    assert (chosen.winner, chosen.ranking[0].regressions) == (None, ("r",))


@pytest.mark.parametrize("base", [one for one in Outcome if one not in {F, E, Outcome.TIMED_OUT}])
def test_tests_that_do_not_fail_on_the_base_do_not_vote(base):
    pool = [candidate("a")]
    chosen = select(pool, clustered(pool), matrix_of({"t": row(base, a=P)}))
    assert chosen.winner is None
    assert "none of 1 generated test fails on the base" in chosen.reason


def test_a_test_broken_by_the_base_already_is_no_regression():
    pool = [candidate("a")]
    matrix = matrix_of(
        {"t": row(F, a=P)}, {"r": row(F, a=F), "s": row(Outcome.SKIPPED, a=E), "q": row(P, a=F)}, ["q"]
    )
    assert guarding(matrix) == ()
    chosen = select(pool, clustered(pool), matrix)
    assert (chosen.winner, chosen.ranking[0].regressions) == ("a", ())
    assert "no existing test guards it" in chosen.reason


def test_quarantined_tests_do_not_vote():
    pool = [candidate("a")]
    assert speaking(matrix_of({"t": row(F, a=P)}, quarantined=["t"])) == ()
    assert select(pool, clustered(pool), matrix_of({"t": row(F, a=P)}, quarantined=["t"])).winner is None


def test_tests_of_one_behaviour_are_one_ballot():
    many = {f"t{number}": row(F, a=P, b=F) for number in range(9)}
    pool = [candidate("a"), candidate("b")]
    matrix = matrix_of(many | {"u": row(F, a=F, b=P), "v": row(E, a=P, b=P)})
    assert len(ballots(matrix)) == 3
    assert {key: vote.count for key, vote in count_votes(clustered(pool), matrix).items()} == {
        "ka": 2,
        "kb": 2,
    }


def test_support_by_its_own_tests_alone_is_shown():
    pool = [candidate("a"), candidate("b")]
    matrix = matrix_of({"t": row(F, a=P, b=F), "u": row(F, a=F, b=P)}, authors={"t": ["a"], "u": ["a", "b"]})
    votes = count_votes(clustered(pool), matrix)
    assert (votes["ka"].own_only, votes["kb"].own_only) == (True, False)
    chosen = select([pool[0]], clustered([pool[0]]), matrix_of({"t": row(F, a=P)}))
    assert "only tests of its own authors vote for it" in chosen.reason


def test_equal_votes_are_broken_by_independent_samples_then_size_then_content():
    a, b, twin = candidate("a"), candidate("b"), candidate("b2", patch=patch_of("b"))
    equal = matrix_of({"t": row(F, a=P, b=P)})
    groups = {"ka": ("a",), "kb": ("b", "b2")}
    chosen = select([a, b, twin], clustered([a, b, twin], groups), equal)
    assert chosen.winner == "b"
    assert {one.candidate: one.rejected for one in chosen.ranking} == {
        "b": "",
        "b2": "",
        "a": "equal votes; 2 candidates made the winner's program",
    }
    long = candidate("a", patch=patch_of("a", lines=4))
    chosen = select([long, b], clustered([long, b]), equal)
    assert chosen.winner == "b"
    assert chosen.ranking[1].rejected == "equal votes; the winner changes fewer lines"
    winners = {select(pool, clustered(pool), equal).winner for pool in ([a, b], [b, a])}
    assert len(winners) == 1


BLANK = candidate("blank", patch="", dropped=(DroppedEdit("tests/test_x.py", "edits an existing test"),))


def test_a_cheater_without_a_source_change_is_told_off():
    chosen = select([BLANK], Clusters(), TestMatrix())
    assert chosen.winner is None
    assert (
        chosen.ranking[0].rejected
        == "no source change left: dropped tests/test_x.py (edits an existing test)"
    )
    assert chosen.reason == "abstains: of 1 candidate, none changes a source file"


@pytest.mark.parametrize(
    ("pool", "clusters", "matrix", "reason"),
    [
        ([], Clusters(), TestMatrix(), "there are no candidates"),
        ([BLANK, candidate("c", patch="\n")], Clusters(), TestMatrix(), "of 2 candidates, none changes"),
        (
            [candidate("a")],
            Clusters(failed={"a": "corrupt"}),
            TestMatrix(),
            "of 1 candidate, no patch applies",
        ),
        ([candidate("a")], clustered([candidate("a")]), TestMatrix(), "no candidate brought a test"),
        ([candidate("a")], clustered([candidate("a")]), matrix_of({"t": row(P, a=P)}), "fails on the base"),
        (
            [candidate("a")],
            clustered([candidate("a")]),
            matrix_of({"t": row(F, a=F)}),
            "no candidate passes any",
        ),
        (
            [candidate("a")],
            clustered([candidate("a")]),
            matrix_of({"t": row(F, a=P)}, {"r": row(P, a=F)}),
            "every candidate with a vote breaks",
        ),
    ],
)
def test_whatever_the_pool_the_answer_is_a_selection(pool, clusters, matrix, reason):
    chosen = select(pool, clusters, matrix)
    assert chosen.winner is None
    assert reason in chosen.reason
    assert len(chosen.ranking) == len(pool)
    assert all(one.rejected for one in chosen.ranking)


@st.composite
def scenes(draw):
    """A pool with clusters and a matrix, in all shapes."""
    size = draw(st.integers(0, 5))
    pool, groups, failed = [], {}, {}
    for number in range(size):
        kind = draw(st.sampled_from(["source", "source", "source", "blank", "broken"]))
        key = f"k{draw(st.integers(0, 3))}"
        lines = draw(st.integers(1, 3))
        one = candidate(f"c{number}", patch="" if kind == "blank" else patch_of(f"{key}{number}", lines))
        pool.append(one)
        if kind == "source":
            groups.setdefault(key, []).append(one.id)
        elif kind == "broken":
            failed[one.id] = "corrupt patch"
    clusters = replace(clustered(pool, groups), failed=failed) if groups else Clusters(failed=failed)
    outcome = st.sampled_from([P, P, F, E, Outcome.MISSING, Outcome.TIMED_OUT, Outcome.SKIPPED])
    keys = [BASE, *sorted(groups)]
    table = {f"t{number}": {key: draw(outcome) for key in keys} for number in range(draw(st.integers(0, 4)))}
    guards = {f"r{number}": {key: draw(outcome) for key in keys} for number in range(draw(st.integers(0, 2)))}
    matrix = matrix_of(table, guards, draw(st.sets(st.sampled_from(["t0", "r0"]))))
    return pool, clusters, replace(matrix, rows=tuple(sorted(groups)))


@given(scenes(), st.integers(0, 2**16))
def test_no_order_changes_anything(scene, seed):
    pool, clusters, matrix = scene
    shuffle = random.Random(seed)
    mixed, tests, rows = list(pool), list(matrix.tests), list(matrix.rows)
    members, outcomes = list(clusters.members.items()), list(matrix.outcomes.items())
    for each in (mixed, tests, rows, members, outcomes):
        shuffle.shuffle(each)
    other = replace(matrix, tests=tuple(tests), rows=tuple(rows), outcomes=dict(outcomes))
    expected = select(pool, clusters, matrix)
    found = select(mixed, Clusters(dict(members), clusters.failed), other)
    assert (found.ranking, found.winner, found.reason) == (expected.ranking, expected.winner, expected.reason)
    assert set(found.verdicts) == set(expected.verdicts)


@given(scenes())
def test_duplicates_leave_the_winner(scene):
    pool, clusters, matrix = scene
    expected = select(pool, clusters, matrix)
    assert select([*pool, *pool], clusters, matrix).winner == expected.winner
    copies = tuple(replace(test, id=f"{test.id}~") for test in matrix.tests)
    doubled = replace(
        matrix,
        tests=(*matrix.tests, *copies),
        outcomes=dict(matrix.outcomes)
        | {(f"{test}~", key): one for (test, key), one in matrix.outcomes.items()},
        quarantined=(*matrix.quarantined, *(f"{test}~" for test in matrix.quarantined)),
    )
    found = select(pool, clusters, doubled)
    assert found.winner == expected.winner
    assert [(one.candidate, one.votes) for one in found.ranking] == [
        (one.candidate, one.votes) for one in expected.ranking
    ]


@given(scenes())
def test_one_more_of_the_winners_program_leaves_the_winning_cluster(scene):
    pool, clusters, matrix = scene
    expected = select(pool, clusters, matrix)
    if expected.winner is None:
        return
    key = clusters.key_of(expected.winner)
    winner = next(one for one in pool if one.id == expected.winner)
    twin = replace(winner, id="twin", origin="twin")
    members = dict(clusters.members) | {key: (*clusters.members[key], "twin")}
    found = select([*pool, twin], Clusters(members, clusters.failed), matrix)
    assert found.winner is not None
    assert key == (Clusters(members).key_of(found.winner))


@given(scenes(), st.sampled_from([P, F, E, Outcome.SKIPPED]), st.sampled_from(list(Outcome)))
def test_a_test_that_is_the_same_everywhere_changes_no_pick(scene, everywhere, base):
    pool, clusters, matrix = scene
    expected = select(pool, clusters, matrix)
    same = TestCase("same", FILE, "same", ("someone",))
    outcomes = (
        dict(matrix.outcomes) | {("same", key): everywhere for key in matrix.rows} | {("same", BASE): base}
    )
    found = select(pool, clusters, replace(matrix, tests=(*matrix.tests, same), outcomes=outcomes))
    assert [one.candidate for one in found.ranking] == [one.candidate for one in expected.ranking]
    if expected.winner is not None:
        assert found.winner == expected.winner


@given(scenes())
def test_what_was_not_tested_never_stands_before_what_was(scene):
    pool, clusters, matrix = scene
    chosen = select(pool, clusters, matrix)
    tested = [one.cluster in matrix.rows for one in chosen.ranking]
    assert tested == sorted(tested, reverse=True)
    assert len(chosen.ranking) == len(pool)
    if chosen.winner is not None:
        assert chosen.ranking[0].candidate == chosen.winner
        vote = count_votes(clusters, matrix)[clusters.key_of(chosen.winner)]
        assert vote.count
        assert not vote.regressions


@given(scenes())
def test_a_guarding_test_without_a_report_counts_as_broken(scene):
    _, clusters, matrix = scene
    for test in guarding(matrix):
        for key in matrix.rows:
            silent = {place: one for place, one in matrix.outcomes.items() if place != (test.id, key)}
            assert test.id in count_votes(clusters, replace(matrix, outcomes=silent))[key].regressions
