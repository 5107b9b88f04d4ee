from __future__ import annotations

import json
from dataclasses import replace

import pytest

from selection import faults
from selection.candidate import Candidate
from selection.clusters import Clusters
from selection.differences import demonstrations
from selection.evidence import ISSUE, Evidence
from selection.feature_verifier import JUDGE, Weights, scored, shipped, verdicts
from selection.features import ABOUT, measure
from selection.fitting import FITTED, fit_features
from selection.lab.labelled import Labelled
from selection.pool import read_candidates
from selection.separate import candidate_from_diff
from tests.agent.foreign import files
from tests.selection.rules.made import candidate_of, patch_of

FAR = patch_of(5).replace("calc.py", "other.py").replace("clamp", "scale")


def evidence_of(*patches, problem="", **members):
    pool = [candidate_of(patch, f"sample {number}") for number, patch in enumerate(patches)]
    return Evidence("t", problem_statement=problem, candidates=tuple(pool), clusters=Clusters(members))


def test_agreement_is_with_the_others():
    known = evidence_of(patch_of(1), patch_of(1, 2), FAR)
    one, alike, far = (measure(known)[candidate.id] for candidate in known.candidates)
    assert one["agreement"] > far["agreement"]
    assert alike["places"] > far["places"] == 0
    assert "agreement" not in measure(evidence_of(FAR))[evidence_of(FAR).candidates[0].id]


def test_copies_of_a_program_weigh_less_than_independent_ones():
    known = evidence_of(patch_of(1), FAR, *[patch_of(1, 2)] * 3)
    ids = [one.id for one in known.candidates]
    one_program = replace(known, clusters=Clusters({"x": tuple(ids[2:])}))
    far, apart = measure(one_program)[ids[0]]["agreement"], measure(known)[ids[0]]["agreement"]
    assert far < apart


@pytest.mark.parametrize("how", ["idle", "failed"])
def test_patches_that_make_no_program_are_not_measured_and_agree_with_nobody(how):
    known = evidence_of(patch_of(1), FAR, patch_of(1, 2))
    *others, last = (one.id for one in known.candidates)
    clusters = Clusters(idle=(last,)) if how == "idle" else Clusters(failed={last: "no such file"})
    without = replace(known, clusters=clusters)
    assert measure(without) == measure(replace(known, candidates=known.candidates[:2]))
    assert measure(without).keys() == set(others)


def test_the_issue_is_held_against_the_patch():
    known = evidence_of(patch_of(1), FAR, problem="`clamp` of calc.py is wrong")
    near, far = (measure(known)[one.id] for one in known.candidates)
    assert (near["issue_function"], near["issue_module"]) == (1, 1)
    assert (far["issue_function"], far["issue_module"]) == (0, 0)


@pytest.mark.parametrize(
    ("name", "made", "status", "worth"),
    [
        ("a.traj.json", files.mini_2, "Submitted", 1.0),
        ("a.traj.json", files.mini_2, "LimitsExceeded", 0.0),
        ("a.traj", files.swe_agent_1, "submitted", 1.0),
        ("a.traj", files.swe_agent_1, "submitted (exit_cost)", 0.0),
        ("a.diff", None, "", None),
        ("preds.json", None, "", None),
    ],
)
def test_who_was_stopped_is_told_from_who_submitted_and_who_does_not_say(tmp_path, name, made, status, worth):
    if made:
        content = made()
        content["info"] |= {"exit_status": status, "submission": patch_of(1)}
    else:
        content = [{"instance_id": "a__b-1", "model_patch": patch_of(1)}]
    (tmp_path / name).write_text(patch_of(1) if name == "a.diff" else json.dumps(content))
    (raw,) = read_candidates([tmp_path / name])
    one = candidate_from_diff(raw.diff, origin=raw.origin, base={}, exit_reason=raw.exit_reason)
    assert measure(Evidence("t", candidates=(one,)))[one.id].get("submitted") == worth


def test_a_demonstration_that_nobody_changes_says_nothing_of_anybody():
    known = evidence_of(patch_of(1), FAR)
    first, second = (one.id for one in known.candidates)
    nobody = replace(
        known, facts={first: {"demonstration": 0.0, "faulty": 0.0}, second: {"demonstration": 0.0}}
    )
    assert not any("demonstration" in one for one in measure(nobody).values())
    assert measure(nobody)[first]["faulty"] == 0
    broken = replace(
        nobody, facts={first: {"demonstration": 0.0}, second: {"demonstration": 1.0, "faulty": 1.0}}
    )
    assert not any("demonstration" in one for one in measure(broken).values())
    one = replace(nobody, facts={first: {"demonstration": 0.0}, second: {"demonstration": 1.0}})
    assert [measure(one)[id_]["demonstration"] for id_ in (first, second)] == [0, 1]


def test_every_feature_has_words_and_every_weight_a_feature():
    known = evidence_of(patch_of(1), FAR)
    known = replace(
        known, candidates=tuple(replace(one, exit_reason="submitted") for one in known.candidates)
    )
    first = known.candidates[0].id
    facts = {demonstrations.FACT: 1.0, faults.FACT: 0.0}
    assert set(measure(known)[first]) == set(ABOUT) - {*facts, "executed"}
    known = replace(known, executed={ISSUE: {first: 0.5}})
    assert set(measure(replace(known, facts={first: facts}))[first]) == set(ABOUT)
    assert set(shipped().weights) == set(FITTED) <= set(ABOUT)
    assert all(spread > 0 for spread in shipped().spread.values())


def test_verdicts_are_probabilities_with_their_grounds():
    known = evidence_of(patch_of(1), patch_of(1, 2), FAR, "")
    one, alike, far, blank = verdicts(known)
    assert {verdict.judge for verdict in (one, alike, far, blank)} == {JUDGE}
    assert 0 < far.score < one.score < 1
    assert "changed lines" in one.evidence
    assert (blank.score, blank.evidence) == (None, "changes nothing")


def test_the_slopes_within_and_between_issues_are_apart():
    weights = Weights(
        weights={"size": 1.0}, typical={"size": 0.0}, spread={"size": 1.0}, level=0.5, within=2, between=0
    )
    known = evidence_of(patch_of(1), patch_of(1, 2), FAR)
    found = [one.log_odds for one in scored(known, weights).values()]
    assert sum(found) / 3 == pytest.approx(0.5)


def test_fitting_finds_what_tells_right_from_wrong():
    def issue(number):
        right = [candidate_of(patch_of(number, 1), str(a)) for a in range(3)]
        wrong = [candidate_of(FAR.replace("other", f"other{number}{a}"), str(a)) for a in range(3)]
        pool: list[Candidate] = [*right, *wrong]
        known = Evidence(f"t{number}", candidates=tuple(pool))
        return Labelled(known, {one.id: one in right for one in pool})

    issues = [issue(number) for number in range(4)]
    fitted = fit_features(issues)
    assert 0 < fitted.typical["places"] < 1
    assert fitted.weights["places"] > 0
    found = scored(issues[0].evidence, fitted)
    worst = min(one.log_odds for id_, one in found.items() if issues[0].resolved[id_])
    assert worst > max(one.log_odds for id_, one in found.items() if not issues[0].resolved[id_])


def test_what_few_issues_show_alike_does_not_stretch_the_scale_of_a_demonstration():
    """One of 20 candidates changes it: by their spread a change elsewhere would be worth much more."""
    known = evidence_of(*[patch_of(number) for number in range(1, 21)])
    ids = [one.id for one in known.candidates]
    known = replace(known, facts={id_: {"demonstration": float(id_ == ids[0])} for id_ in ids})
    fitted = fit_features([Labelled(known, {id_: id_ in ids[:10] for id_ in ids})])
    assert (fitted.typical["demonstration"], fitted.spread["demonstration"]) == (0.5, 0.5)
