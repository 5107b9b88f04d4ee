from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings

from envs.outcomes import Outcome
from selection.candidate import TestFile
from selection.evidence import Comparison, Evidence
from selection.fitting import fit_posterior, fit_rates, fitted_rule
from selection.lab.fitting import across_repositories
from selection.lab.labelled import Labelled
from selection.matrix import BASE, TestCase, TestMatrix
from selection.posterior import believe, shipped
from selection.rules import RULES, posterior
from selection.verdict import Verdict
from tests.selection.rules.made import candidate_of, evidence, gathered, patch_of


def issue(passes, authors=(), task="t", guards=()):
    """Return four programs, and tests that fail on the base and pass the programs of these numbers."""
    pool = [candidate_of(patch_of(number), "a") for number in range(4)]
    clusters = gathered(pool, {one.id: number for number, one in enumerate(pool)})
    row = {number: clusters.key_of(one.id) for number, one in enumerate(pool)}
    tests, outcomes = [], {}
    for number, good in enumerate((*passes, *guards)):
        wrote = tuple(pool[one].id for one in authors[number : number + 1])
        file = TestFile(f"test_{number}.py", str(number), "") if number < len(passes) else None
        test = TestCase(str(number), file, str(number), wrote)
        tests.append(test)
        outcomes[test.id, BASE] = Outcome.FAILED if file else Outcome.PASSED
        outcomes |= {
            (test.id, row[one]): Outcome.PASSED if one in good else Outcome.FAILED for one in range(4)
        }
    matrix = TestMatrix(tuple(tests), tuple(row.values()), outcomes)
    return Evidence(task, candidates=tuple(pool), clusters=clusters, matrix=matrix), pool, row


@settings(max_examples=40, deadline=None)
@given(known=evidence())
def test_every_number_is_a_probability(known):
    found = posterior.choose(known)
    assert 0 <= found.none_right <= 1
    assert all(0 < p < 1 for p in found.probabilities.values())
    if found.winner:
        assert found.probability == found.probabilities[posterior_program(found)]
        assert found.none_right <= 1 - found.probability + 1e-6


def posterior_program(found):
    return next((key for key, ids in found.clusters.items() if found.winner in ids), found.winner)


def test_tests_raise_whom_they_pass_and_say_so():
    known, pool, row = issue([{0, 1}, {0}])
    found, blind = posterior.choose(known), posterior.choose(replace(known, matrix=TestMatrix()))
    assert found.winner == pool[0].id
    assert found.probability > blind.probability
    assert found.probabilities[row[3]] < found.probabilities[row[1]] < found.probabilities[row[0]]
    assert "generated tests +" in found.reason


def test_ones_own_test_counts_less_than_anothers():
    own, _, row = issue([{0}], authors=[0])
    others, _, _ = issue([{0}], authors=[1])
    assert posterior.choose(own).probabilities[row[0]] < posterior.choose(others).probabilities[row[0]]


def test_who_breaks_existing_tests_is_less_likely():
    known, _, row = issue([], guards=[{0, 1, 2}])
    found = posterior.choose(known)
    assert found.probabilities[row[3]] < found.probabilities[row[0]]


def test_readers_and_comparisons_are_heard():
    known, pool, _ = issue([])
    read = tuple(Verdict("verifier:patch", one.id, 0.9 if one is pool[2] else 0.2, "") for one in pool)
    assert posterior.choose(replace(known, verdicts=read)).winner == pool[2].id
    shown = (pool[1].id, pool[3].id)
    told = (Comparison("duel", shown, shown[1]), Comparison("duel", shown[::-1], shown[1]))
    assert posterior.choose(replace(known, comparisons=told)).winner == pool[3].id
    unread = posterior.choose(replace(known, verdicts=read[:3]))
    assert unread.ranking[0].candidate == pool[2].id
    odds = unread.probabilities
    assert odds[known.clusters.key_of(pool[3].id)] <= odds[known.clusters.key_of(pool[0].id)]


def test_who_comes_to_the_same_as_others_is_likelier():
    known, pool, row = issue([])
    came_to = {"input": {pool[0].id: "3", pool[1].id: "5", pool[2].id: "5", pool[3].id: "7"}}
    found = posterior.choose_by_execution(replace(known, results=came_to))
    odds = found.probabilities
    assert odds[row[1]] == odds[row[2]] > odds[row[0]] == odds[row[3]]
    assert "programs that behave alike +" in found.reason
    again = {"other": {id_: f"<{result}>" for id_, result in came_to["input"].items()}, **came_to}
    assert posterior.choose_by_execution(replace(known, results=again)).probabilities == odds


def test_what_inputs_and_tests_both_say_does_not_add_up():
    known, pool, row = issue([{0, 1}])
    programs = {key: (pool[number].id,) for number, key in row.items()}
    came_to = {"input": {one.id: str(max(number, 1)) for number, one in enumerate(pool)}}

    def said(matrix, results):
        heard = replace(known, matrix=matrix, results=results)
        return believe(heard, matrix, programs, shipped(posterior.EXECUTION)).said[row[0]]["behaviour"]

    tests, inputs = said(known.matrix, {}), said(TestMatrix(), came_to)
    assert max(tests, inputs) < said(known.matrix, came_to) < tests + inputs


def test_inputs_that_say_nothing_leave_what_tests_say():
    known, pool, _ = issue([{0, 1}])
    everybody = {"input": {one.id: one.id for one in pool}}
    nobody = {"input": {pool[2].id: "5", pool[3].id: "7"}}
    odds = posterior.choose_by_execution(known).probabilities
    for results in (everybody, nobody):
        found = posterior.choose_by_execution(replace(known, results=results)).probabilities
        assert found == odds


def test_who_came_to_nothing_is_no_likelier_than_who_agrees_least():
    known, pool, row = issue([{0, 1}])
    came_to = {"input": {pool[0].id: "5", pool[2].id: "5", pool[3].id: "7"}}
    odds = posterior.choose_by_execution(replace(known, results=came_to)).probabilities
    assert odds[row[1]] < odds[row[0]]
    agreed = {"input": {**came_to["input"], pool[1].id: "9"}}
    assert (
        odds[row[1]]
        <= posterior.choose_by_execution(replace(known, results=agreed)).probabilities[row[1]] + 0.02
    )


def test_another_sample_of_a_program_that_fails_its_own_test_does_not_cost_it_the_win():
    known, pool, row = issue([{2}, {0, 3}], authors=[3, 2])
    twin = candidate_of(patch_of(3), "twin")
    clusters = gathered([*pool, twin], {**{one.id: n for n, one in enumerate(pool)}, twin.id: 3})
    more = replace(known, candidates=(*known.candidates, twin), clusters=clusters)
    assert posterior.choose(more).probabilities[row[3]] >= posterior.choose(known).probabilities[row[3]]


def test_without_features_nothing_but_tests_and_readers_count():
    known, pool, _ = issue([])
    assert set(posterior.choose_by_execution(known).tied) == {one.id for one in pool}
    assert len(set(posterior.choose_by_execution(known).probabilities.values())) == 1


def test_fitting_learns_how_far_tests_are_to_be_trusted():
    start = shipped(posterior.NAME)
    good, bad = [], []
    for number in range(20):
        known, pool, _ = issue([{0, 1}, {0}], task=f"t{number}", guards=[{0, 1, 2}])
        good.append(Labelled(known, {one.id: one in pool[:1] for one in pool}))
        bad.append(Labelled(known, {one.id: one in pool[3:] for one in pool}))
    assert fit_rates(good, start)["reproduction"].right > fit_rates(bad, start)["reproduction"].right
    trusting, wary = fit_posterior(good, start), fit_posterior(bad, start)
    known = good[0].evidence
    believer, doubter = posterior.chooser("p", trusting)(known), posterior.chooser("p", wary)(known)
    assert believer.probability > doubter.probability
    assert believer.probability == pytest.approx(1, abs=0.4)


def test_the_laboratory_plays_each_repository_by_what_was_fitted_on_others():
    issues = []
    for number in range(6):
        known, pool, _ = issue([{0}], task=f"t{number}")
        known = replace(known, repo=f"repo {number % 2}")
        issues.append(Labelled(known, {one.id: one in pool[:1] for one in pool}))
    entrant = across_repositories("posterior", issues, fitted_rule("posterior"))
    for one in issues:
        found = entrant.choose_for(one)(one.evidence)
        assert one.resolved[found.winner]
        assert found.rule == "posterior"


def test_what_is_said_of_the_rule_is_of_the_weights_that_it_has():
    counted = re.compile(r"(\d+) (?:real )?issues, (\d+) of them with tests")
    told, fitted = (
        counted.search(text) for text in (RULES[posterior.NAME].fitted, shipped(posterior.NAME).fitted_on)
    )
    assert told.groups() == fitted.groups()
