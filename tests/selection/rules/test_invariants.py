"""The invariants of every rule, and which published rule breaks one by its definition."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from envs.outcomes import Outcome
from selection.candidate import TestFile
from selection.clusters import Clusters
from selection.evidence import Evidence
from selection.matrix import BASE, TestCase, TestMatrix
from selection.rules import RULES, RuleError, rule_named
from selection.rules.readings import Readings
from selection.rules.stages import standing
from selection.verdict import Verdict
from tests.selection.rules.made import candidate_of, evidence, gathered, patch_of

BY_EXECUTION = ("codemonkeys-vote", "agentless", "r2e-execution", "trae", "vote", "posterior")
BY_READING = ("r2e-execution-free", "swe-gym")
COUNTS_SAMPLES = ("majority-patch", "agentless", "vote", "posterior", "posterior-execution")
"""Rules for which an independent sample of the same program is evidence, by definition."""
COUNTS_TESTS = ("codemonkeys-vote", "codemonkeys", "agentless", "r2e-execution", "r2e-hybrid")
"""Rules for which each of two equal tests votes, by definition."""
ASKS_FOR_CLEAN = ("trae", "vote")
"""Rules that ask whether anything breaks: a test that all candidates break makes them all unclean."""

few = settings(max_examples=60, deadline=None)


def program(selection, id_):
    """Return the program of a candidate, itself where it has no cluster."""
    return next((key for key, ids in selection.clusters.items() if id_ in ids), id_)


def chosen(selection):
    return selection.winner and program(selection, selection.winner)


def order(selection):
    return [place.candidate for place in selection.ranking]


def shuffled(known: Evidence, seed: int) -> Evidence:
    """Return the same evidence, told in another order."""
    dice = random.Random(seed)

    def mixed(things):
        return tuple(dice.sample(tuple(things), len(tuple(things))))

    clusters, matrix = known.clusters, known.matrix
    return replace(
        known,
        candidates=mixed(known.candidates),
        clusters=Clusters(
            dict(mixed(clusters.members.items())), dict(mixed(clusters.failed.items())), mixed(clusters.idle)
        ),
        matrix=replace(
            matrix,
            tests=mixed(matrix.tests),
            rows=mixed(matrix.rows),
            outcomes=dict(mixed(matrix.outcomes.items())),
            quarantined=mixed(matrix.quarantined),
        ),
        verdicts=mixed(known.verdicts),
        comparisons=mixed(known.comparisons),
        results={program: dict(mixed(found.items())) for program, found in mixed(known.results.items())},
    )


def renamed(known: Evidence, names: dict[str, str]) -> Evidence:
    """Return the same evidence of candidates that are called otherwise."""
    matrix = known.matrix

    def all_of(ids):
        return tuple(names[id_] for id_ in ids)

    return replace(
        known,
        candidates=tuple(replace(one, id=names[one.id], origin="") for one in known.candidates),
        clusters=Clusters(
            {key: all_of(ids) for key, ids in known.clusters.members.items()},
            {names[id_]: why for id_, why in known.clusters.failed.items()},
            all_of(known.clusters.idle),
        ),
        matrix=replace(
            matrix, tests=tuple(replace(test, authors=all_of(test.authors)) for test in matrix.tests)
        ),
        verdicts=tuple(replace(one, candidate=names[one.candidate]) for one in known.verdicts),
        comparisons=tuple(
            replace(one, shown=all_of(one.shown), picked=names.get(one.picked, ""))
            for one in known.comparisons
        ),
        results={
            program: {names[id_]: result for id_, result in found.items()}
            for program, found in known.results.items()
        },
    )


def with_twin(known: Evidence, id_: str) -> Evidence:
    """Return the evidence with one more candidate of the same patch, by somebody else, read the same."""
    twin = replace(known.candidate(id_), id=f"twin of {id_}", origin="twin")
    members = {key: (*ids, twin.id) if id_ in ids else ids for key, ids in known.clusters.members.items()}
    failed = dict(known.clusters.failed)
    if id_ in failed:
        failed[twin.id] = failed[id_]
    idle = (*known.clusters.idle, *((twin.id,) if id_ in known.clusters.idle else ()))
    read = tuple(replace(one, candidate=twin.id) for one in known.verdicts if one.candidate == id_)
    return replace(
        known,
        candidates=(*known.candidates, twin),
        clusters=Clusters(members, failed, idle),
        verdicts=(*known.verdicts, *read),
        results={
            program: found | ({twin.id: found[id_]} if id_ in found else {})
            for program, found in known.results.items()
        },
    )


def with_test(known: Evidence, test: TestCase, outcomes: dict[str, Outcome]) -> Evidence:
    """Return the evidence with one more test, whose outcomes are given by row."""
    matrix = known.matrix
    more = dict(matrix.outcomes) | {(test.id, row): outcome for row, outcome in outcomes.items()}
    return replace(known, matrix=replace(matrix, tests=(*matrix.tests, test), outcomes=more))


@few
@given(known=evidence(), seed=st.integers(0, 99))
def test_order_never_matters(known, seed):
    for rule in RULES.values():
        one, other = rule.choose(known), rule.choose(shuffled(known, seed))
        assert (one.winner, one.tied, one.reason) == (other.winner, other.tied, other.reason), rule.name
        assert order(one) == order(other), rule.name
        assert one.probabilities == pytest.approx(other.probabilities), rule.name


@few
@given(known=evidence())
def test_every_answer_is_whole(known):
    able = standing(known)
    for rule in RULES.values():
        found = rule.choose(known)
        assert found.rule == rule.name
        assert sorted(order(found)) == sorted(one.id for one in known.candidates), rule.name
        assert found.reason
        assert "\n" not in found.reason
        if found.winner is None:
            assert found.tied == ()
            assert "abstains" in found.reason
            assert rule.name == "vote" or not able, rule.name
        else:
            assert found.winner in found.tied, rule.name
            assert set(found.tied) <= set(able), rule.name
        for place in found.ranking:
            rejected = found.winner is None or program(found, place.candidate) != chosen(found)
            assert bool(place.rejected) == rejected, rule.name


@few
@given(known=evidence(least=1))
def test_names_never_matter(known):
    """A candidate's id depends on its origin; nothing but the order among twins may depend on the id."""
    names = {one.id: candidate_of(one.patch, f"renamed {one.origin}").id for one in known.candidates}
    for rule in RULES.values():
        one, other = rule.choose(known), rule.choose(renamed(known, names))
        assert chosen(one) == chosen(other) or names.get(chosen(one)) == chosen(other), rule.name
        assert {names[id_] for id_ in one.tied} == set(other.tied), rule.name


@few
@given(known=evidence(least=1), which=st.integers(0, 5))
def test_the_same_candidate_twice_is_one(known, which):
    again = known.candidates[which % len(known.candidates)]
    twice = replace(known, candidates=(*known.candidates, again))
    for rule in RULES.values():
        one, other = rule.choose(known), rule.choose(twice)
        assert (one.winner, one.tied, one.ranking) == (other.winner, other.tied, other.ranking), rule.name


@few
@given(known=evidence(least=1), which=st.integers(0, 5))
def test_another_sample_leaves_the_winner(known, which):
    """The hybrid's n grows with K, so one more sample may let one more through; it still has to win there.

    A program is read as its candidates are on average, so a sample that counts comes unread.
    """
    for rule in RULES.values():
        found = rule.choose(known)
        if found.winner is None or rule.name == "r2e-hybrid":
            continue
        counts = rule.name in COUNTS_SAMPLES
        sample = found.winner if counts else known.candidates[which % len(known.candidates)].id
        more = with_twin(known, sample)
        more = replace(more, verdicts=known.verdicts) if counts else more
        assert chosen(rule.choose(more)) == chosen(found), rule.name


@few
@given(
    known=evidence(),
    outcome=st.sampled_from(Outcome),
    base=st.sampled_from(Outcome),
    existing=st.booleans(),
)
def test_a_test_that_does_the_same_everywhere_changes_nothing(known, outcome, base, existing):
    """Agentless chooses its one reproduction test before it is run, so it is left out for new files."""
    file = None if existing else TestFile("tests/test_zz.py", "def test_c(): ...\n", "")
    test = TestCase("tests/test_zz.py::test_c", file, "tests/test_zz.py::test_c")
    more = with_test(known, test, {BASE: base} | dict.fromkeys(known.matrix.rows, outcome))
    breaks = existing and base is Outcome.PASSED and outcome is not Outcome.PASSED
    for rule in RULES.values():
        if (rule.name in ASKS_FOR_CLEAN and breaks) or (rule.name == "agentless" and not existing):
            continue
        one, other = rule.choose(known), rule.choose(more)
        assert order(one) == order(other), rule.name
        assert one.tied == other.tied or (rule.name == "vote" and not one.winner), rule.name


@few
@given(known=evidence(), which=st.integers(0, 9))
def test_a_copy_of_a_test_changes_nothing(known, which):
    matrix = known.matrix
    assume(matrix.tests)
    test = matrix.tests[which % len(matrix.tests)]
    copy = replace(test, id=f"{test.id} again", target=f"{test.target}_again")
    more = with_test(known, copy, {row: matrix.outcome(test.id, row) for row in (BASE, *matrix.rows)})
    if test.id in matrix.quarantined:
        more = replace(more, matrix=replace(more.matrix, quarantined=(*matrix.quarantined, copy.id)))
    if test.id in known.excused:
        more = replace(more, excused={test.id: "it says so", copy.id: "it says so"})
    for rule in RULES.values():
        if rule.name not in COUNTS_TESTS:
            assert chosen(rule.choose(more)) == chosen(rule.choose(known)), rule.name


@few
@given(known=evidence(least=2))
def test_what_was_not_tested_never_outranks_what_was(known):
    for name in BY_EXECUTION:
        found = RULES[name].choose(known)
        able = [id_ for id_ in order(found) if id_ in standing(known)]
        tested = [program(found, id_) in known.matrix.rows for id_ in able]
        assert tested == sorted(tested, reverse=True), name


@few
@given(known=evidence(least=2))
def test_what_was_not_read_never_outranks_what_was(known):
    for name in BY_READING:
        found = RULES[name].choose(known)
        able = [id_ for id_ in order(found) if id_ in standing(known)]
        read = [is_read(known, id_) for id_ in able]
        assert read == sorted(read, reverse=True), name


@few
@given(known=evidence(least=2))
def test_the_hybrid_prefers_who_was_tested_and_read(known):
    found = RULES["r2e-hybrid"].choose(known)
    whole = {
        id_ for id_ in standing(known) if program(found, id_) in known.matrix.rows and is_read(known, id_)
    }
    assert not whole or found.winner in whole


@pytest.mark.parametrize("name", ["r2e-execution-free", "r2e-hybrid", "swe-gym"])
def test_a_program_without_a_trajectory_does_not_lose_for_that(name):
    """A diff has no digest; where each patch was read, these readings decide."""
    ours, diff = candidate_of(patch_of(1), "sample 0"), candidate_of(patch_of(2), "a.diff")
    scores = [("verifier:digest", ours, 0.4), ("verifier:patch", ours, 0.3), ("verifier:patch", diff, 0.9)]
    known = Evidence(
        "t",
        candidates=(ours, diff),
        clusters=gathered([ours, diff], {ours.id: 1, diff.id: 2}),
        verdicts=tuple(Verdict(judge, one.id, score, "") for judge, one, score in scores),
    )
    assert RULES[name].choose(known).winner == diff.id
    digest = (*known.verdicts, Verdict("verifier:digest", diff.id, 0.2, ""))
    assert RULES[name].choose(replace(known, verdicts=digest)).winner == ours.id


def is_read(known: Evidence, id_: str) -> bool:
    """Whether the verifier that is asked has a score for any candidate of this one's program."""
    judge = Readings(known).judge
    group = next((ids for ids in known.clusters.members.values() if id_ in ids), (id_,))
    return bool(set(group) & set(known.scores(judge)))


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_little_evidence_has_an_answer(rule):
    good, other = candidate_of(patch_of(1), "a"), candidate_of(patch_of(2), "b")
    blank = [candidate_of("", name) for name in "cd"]
    programs = {good.id: 1, other.id: 2} | {one.id: -1 for one in blank}
    for pool in ([], [good], [good, other], blank, [good, *blank]):
        found = rule.choose(
            Evidence("t", candidates=tuple(pool), clusters=gathered(pool, programs), matrix=TestMatrix())
        )
        able = {one.id for one in pool if one.patch}
        if rule.name == "vote" or not able:
            assert found.winner is None
        else:
            assert found.winner in found.tied
            assert set(found.tied) == able


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_what_does_not_apply_cannot_win(rule):
    pool = [candidate_of(patch_of(1), "a"), candidate_of(patch_of(2), "b")]
    found = rule.choose(
        Evidence("t", candidates=tuple(pool), clusters=gathered(pool, dict.fromkeys(one.id for one in pool)))
    )
    assert found.winner is None
    assert {place.rejected for place in found.ranking} == {"does not apply: no such line"}


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_a_verifier_that_scored_nobody_is_no_evidence(rule):
    pool = [candidate_of(patch_of(number), "a") for number in range(3)]
    known = Evidence(
        "t",
        candidates=tuple(pool),
        clusters=gathered(pool, {one.id: number for number, one in enumerate(pool)}),
        verdicts=tuple(Verdict("verifier:patch", one.id, None, "nonsense") for one in pool),
    )
    found, without = rule.choose(known), rule.choose(replace(known, verdicts=()))
    assert (found.winner, found.tied) == (without.winner, without.tied)


def test_equal_scores_are_equal_however_many_candidates_have_them():
    pool = [candidate_of(patch_of(number // 4), f"sample {number}") for number in range(5)]
    known = Evidence(
        "t",
        candidates=tuple(pool),
        clusters=gathered(pool, {one.id: number // 4 for number, one in enumerate(pool)}),
        verdicts=tuple(Verdict("verifier:patch", one.id, 0.1, "") for one in pool[1:]),
    )
    assert set(RULES["r2e-execution-free"].choose(known).tied) == {one.id for one in pool}


def test_an_unknown_rule_is_named_with_its_neighbour():
    assert rule_named("r2e-hybrid").name == "r2e-hybrid"
    with pytest.raises(RuleError, match=r"no rule is called 'r2e-hybird': did you mean r2e-hybrid\?"):
        rule_named("r2e-hybird")
    with pytest.raises(RuleError, match="there are random, "):
        rule_named("zzz")
