"""Rules played on subsets, and the figures of them: invariants 14 and 15 of the published systems' list."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from selection import feature_verifier, posterior
from selection.fitting import fit_features, fitted_rule
from selection.lab import EVERYTHING, Entrant, LabError, Plan, across_repositories, figures_of, play
from selection.lab.chances import best_at
from selection.lab.entrants import entrants
from selection.lab.figures import efficiency
from selection.lab.fits import Refitted, Shipped
from selection.lab.replay import default_right, pick_of, points
from selection.rules import RULES, rule_named
from tests.selection.lab.made import JUDGE, abstaining, by_score, entrant, issue_of, labelled

few = settings(max_examples=40, deadline=None)
KS = (1, 2, 3, EVERYTHING)


@few
@given(labelled())
def test_a_fixed_ranking_played_on_all_subsets_is_its_closed_form(issue):
    found = points(issue, [entrant(by_score)], KS, samples=1000, seed=0)
    for point in found:
        exact = best_at(issue.evidence.scores(JUDGE), issue.resolved, point.k)
        assert point.rules["rule"].right == pytest.approx(exact)


@few
@given(labelled())
def test_best_at_all_is_the_final_choice_and_no_rule_beats_the_oracle(issue):
    everyone = entrants([], [issue], Shipped())
    for at, point in zip(KS, points(issue, everyone, KS, samples=1000, seed=0), strict=True):
        for one in everyone:
            mean = point.rules[one.name]
            assert mean.right <= point.oracle + 1e-9
            assert mean.right + mean.wrong + mean.abstained == pytest.approx(1.0)
            assert mean.harm <= min(mean.wrong, 1.0) + 1e-9
            if at == EVERYTHING:
                final = pick_of(RULES[one.name].choose(issue.evidence), issue)
                assert mean.right == pytest.approx(final.right)


@few
@given(labelled())
def test_the_random_rule_comes_to_pass_at_1_at_every_k(issue):
    plain = entrant(rule_named("random").choose)
    for point in points(issue, [plain], KS, samples=1000, seed=0):
        assert point.rules["rule"].right == pytest.approx(point.any)


def test_a_rule_that_abstains_is_never_right_wrong_or_harmful():
    issue = issue_of([True, True, False], programs=[0, 0, 1])
    (point,) = points(issue, [entrant(abstaining)], (3,), 10, 0)
    mean = point.rules["rule"]
    assert (mean.right, mean.wrong, mean.abstained, mean.harm, mean.help) == (0, 0, 1, 0, 0)


def test_harm_is_a_wrong_pick_where_the_largest_cluster_is_right():
    issue = issue_of([True, True, False], programs=[0, 0, 1], scores=[0.1, 0.1, 0.9])
    assert default_right(issue) == 1.0
    pick = pick_of(by_score(issue.evidence), issue)
    assert (pick.right, pick.harm, pick.help) == (0.0, 1.0, 0.0)
    other = issue_of([False, False, True], programs=[0, 0, 1], scores=[0.1, 0.1, 0.9])
    pick = pick_of(by_score(other.evidence), other)
    assert (pick.right, pick.harm, pick.help) == (1.0, 0.0, 1.0)


@few
@given(labelled())
def test_the_default_itself_is_no_harm(issue):
    largest = pick_of(rule_named("majority-patch").choose(issue.evidence), issue)
    assert (largest.harm, largest.help) == (pytest.approx(0.0), pytest.approx(0.0))


def test_equal_largest_clusters_are_averaged():
    assert default_right(issue_of([True, False, False], programs=[0, 1, 2])) == pytest.approx(1 / 3)
    assert default_right(issue_of([])) == 0.0


def test_efficiency_is_the_share_of_what_can_be_gained():
    right_first = issue_of([True, False], scores=[0.9, 0.1])
    wrong_first = issue_of([True, False], scores=[0.1, 0.9])
    blind = issue_of([True, False], scores=[0.5, 0.5])
    for issues, share in (
        ([right_first], 1.0),
        ([wrong_first], -1.0),
        ([blind], 0.0),
        ([right_first, blind], 0.5),
    ):
        played = [points(one, [entrant(by_score)], (2,), 10, 0)[0] for one in issues]
        assert efficiency(played, "rule") == pytest.approx(share)
    nothing_to_gain = points(issue_of([True, True]), [entrant(by_score)], (2,), 10, 0)
    assert efficiency(nothing_to_gain, "rule") is None


def test_a_rule_sees_only_the_subset():
    issue = issue_of([True, False, False], scores=[0.9, 0.5, 0.1])
    seen = []

    def watching(evidence):
        seen.append({one.id for one in evidence.candidates})
        assert {one.candidate for one in evidence.verdicts} == seen[-1]
        return by_score(evidence)

    points(issue, [entrant(watching)], (2,), 10, 0)
    assert sorted(map(sorted, seen)) == [["c0", "c1"], ["c0", "c2"], ["c1", "c2"]]


def test_figures_have_intervals_and_lines():
    issues = [
        issue_of([True, False, False], scores=[0.9, 0.1, 0.2], task="1"),
        issue_of([False, True], scores=[0.9, 0.1], task="2", repo="b/b"),
        issue_of([True, True], task="3"),
    ]
    plan = Plan((1, 2, EVERYTHING), samples=100)
    playing = [entrant(by_score, "reader")]
    found = figures_of(play(issues, playing, plan), playing, plan)
    assert (found.issues, found.mixed, found.repositories) == (3, 2, ("a/a", "b/b"))
    assert found.lines.issues == (3, 3, 3)
    assert found.lines.any == pytest.approx([(1 / 3 + 1 / 2 + 1) / 3] * 3)
    at = found.rules[0].at[2]
    assert at.best.value == pytest.approx(2 / 3)
    assert 0.0 <= at.best.low <= at.best.value <= at.best.high <= 1.0
    assert at.best_mixed.value == pytest.approx(1 / 2)
    assert found.rules[0].at[0].efficiency.value is None


def test_no_issue_is_an_error_that_says_so():
    with pytest.raises(LabError, match="--labels"):
        figures_of([], [], Plan())


def test_a_fitted_rule_never_sees_the_repository_it_plays():
    issues = [issue_of([True, False], repo=repo, task=repo) for repo in ("a/a", "b/b", "b/b", "c/c")]
    fitted_on = []

    def fit(others):
        fitted_on.append([one.evidence.repo for one in others])
        return by_score

    one = across_repositories("fitted", issues, fit)
    assert isinstance(one, Entrant)
    for issue in issues:
        one.choose_for(issue)
    assert fitted_on == [["b/b", "b/b", "c/c"], ["a/a", "c/c"], ["a/a", "b/b", "b/b"]]


def test_refitted_weights_are_of_the_other_repositories_alone(monkeypatch):
    issues = [issue_of([True, False], repo=repo, task=repo) for repo in ("a/a", "b/b", "b/b", "c/c")]
    seen = []

    def watching(others):
        seen.append(sorted({one.evidence.repo for one in others}))
        return fit_features(others)

    monkeypatch.setattr("selection.lab.fits.fit_features", watching)
    fits = Refitted(issues)
    for issue in issues:
        read = fits.read(issue.evidence, issue)
        assert {one.judge for one in read.verdicts} == {"features"}
        assert {one.candidate for one in read.verdicts} == set(issue.resolved)
    assert seen == [["b/b", "c/c"], ["a/a", "c/c"], ["a/a", "b/b"]]


@pytest.fixture
def nothing_shipped(monkeypatch, tmp_path):
    """A package without the weights that it comes with."""
    monkeypatch.setattr("selection.posterior.resources.files", lambda package: tmp_path)
    for shipped in (posterior.shipped, feature_verifier.shipped):
        shipped.cache_clear()
    yield
    for shipped in (posterior.shipped, feature_verifier.shipped):
        shipped.cache_clear()


@pytest.mark.usefixtures("nothing_shipped")
def test_the_shipped_weights_play_no_part_in_refitting():
    """They were fitted on the repository that is held out, too."""
    issues = [
        issue_of([True, False, False], programs=[0, 1, 1], repo=repo, task=repo) for repo in ("a/a", "b/b")
    ]
    names = ["posterior", "posterior-execution"]
    for name, refitted in zip(names, entrants(names, issues, Refitted(issues)), strict=True):
        apart = across_repositories(name, issues, fitted_rule(name))
        for issue in issues:
            found = refitted.choose_for(issue)(issue.evidence)
            assert found.probabilities
            assert found.probabilities == apart.choose_for(issue)(issue.evidence).probabilities
    with pytest.raises(FileNotFoundError):
        rule_named("posterior").choose(issues[0].evidence)


def test_refitting_needs_another_repository():
    issue = issue_of([True, False])
    with pytest.raises(LabError, match="leave out --refit"):
        Refitted([issue]).read(issue.evidence, issue)


def test_features_are_read_anew_in_every_subset():
    issue = issue_of([True, False, False])
    seen = {}

    def watching(evidence):
        seen[tuple(one.id for one in evidence.candidates)] = evidence.verdicts
        return by_score(evidence)

    class Watched(Refitted):
        def rule(self, name, issue):
            return watching

    (one,) = entrants(["random"], [issue], Watched([issue, issue_of([True, False], repo="b/b")]))
    points(issue, [one], (2,), 10, 0)
    assert len(seen) == 3
    for ids, verdicts in seen.items():
        assert tuple(one.candidate for one in verdicts) == ids


def test_a_rule_can_hear_one_judge_or_nobody():
    issue = issue_of([True, False], scores=[0.9, 0.1])
    alone, deaf = entrants([f"r2e-execution-free+{JUDGE}", "r2e-execution-free+none"], [issue], Shipped())
    heard = alone.choose_for(issue)(issue.evidence)
    assert {one.judge for one in heard.verdicts} == {JUDGE}
    assert deaf.choose_for(issue)(issue.evidence).verdicts == ()


@pytest.mark.parametrize("name", ["no-such-rule", "random+nobody-of-that-name"])
def test_unknown_rules_and_judges_are_refused(name):
    with pytest.raises(LabError, match=r"random|reader"):
        entrants([name], [issue_of([True], scores=[0.5])], Shipped())
