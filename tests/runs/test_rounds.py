"""The rule of adaptive drawing, by cases and by properties."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from runs.rounds import Evidence, Left, Standing, lead_is_possible, next_step

SURE = 0.95
counts = st.integers(0, 12)
standings = st.builds(
    Standing,
    samples=st.integers(1, 12),
    programs=st.integers(1, 3),
    votes=st.integers(0, 4),
    failed=st.integers(0, 3),
    broken=st.integers(0, 2),
    unmet=st.integers(0, 2),
)
evidence = st.builds(
    Evidence,
    standings=st.lists(standings, max_size=6).map(tuple),
    left=st.builds(Left, counts, counts, counts),
    shown=st.booleans(),
    probability=st.none() | st.floats(0, 1),
)
everything = settings(max_examples=400, deadline=None)


def good(samples=1, **more):
    return Standing(samples, **{"votes": 2, **more})


def purpose(*standings, left=(6, 2, 2), **more):
    return next_step(Evidence(standings, Left(*left), **more), SURE).purpose


def test_a_majority_that_cannot_be_overturned_ends_it():
    assert purpose(good(5), good(1, votes=1), left=(2, 0, 2)) == "candidates"
    assert purpose(good(6), good(1, votes=1), left=(2, 0, 2)) is None
    assert purpose(good(6, programs=5), good(1, votes=1), left=(2, 9, 2)) is None
    assert purpose(good(6, unmet=1), left=(2, 0, 2)) is None  # a test that nobody passes may be wrong


def test_a_majority_of_what_fails_decides_nothing():
    assert purpose(good(9, failed=1), left=(2, 0, 2)) == "refinement"
    assert purpose(Standing(9), left=(2, 0, 2)) == "candidates"
    assert purpose(good(9, broken=1), left=(2, 0, 0)) == "candidates"


def test_the_next_round_goes_where_it_changes_the_decision():
    assert purpose() == "candidates"
    assert purpose(Standing(), shown=False) == "tests"
    assert purpose(Standing()) == "candidates"
    assert purpose(good(failed=1)) == "refinement"
    assert purpose(good(failed=1), left=(6, 2, 0)) == "candidates"
    assert purpose(good(unmet=1, programs=2)) == "refinement"
    assert purpose(good(2, programs=2)) == "tests"
    assert purpose(good(2, programs=2), left=(6, 0, 2)) == "candidates"
    assert purpose(good(2), good(2)) == "tests"
    assert purpose(good(2), good(1)) == "candidates"
    assert purpose(good(2), good(1), left=(0, 2, 1)) == "refinement"
    assert purpose(good(2), good(1), left=(0, 2, 0)) is None
    assert purpose(good(2), good(2), left=(0, 2, 0)) == "tests"


def test_the_selectors_probability_ends_it_only_where_it_is_calibrated_and_high():
    assert purpose(good(failed=1), probability=0.96) is None
    assert purpose(good(failed=1), probability=0.94) == "refinement"
    assert purpose(good(failed=1), probability=None) == "refinement"


def test_a_used_up_budget_ends_it_and_says_so():
    step = next_step(Evidence((good(), good()), Left(5, 5, 5), exhausted="the issue's $1.00 are used"), SURE)
    assert (step.purpose, step.reason) == (None, "the issue's $1.00 are used")


@everything
@given(evidence)
def test_it_asks_only_for_what_is_left_and_always_says_why(known):
    step = next_step(known, SURE)
    assert step.reason
    if step.purpose is not None:
        assert known.left.of(step.purpose) > 0
    if not known.left:
        assert step.purpose is None


@everything
@given(evidence)
def test_it_never_ends_while_the_lead_is_tied_and_anything_is_left(known):
    if known.tied and known.left:
        assert next_step(known, SURE).purpose is not None


@everything
@given(evidence, st.randoms(use_true_random=False))
def test_the_order_in_which_programs_are_told_changes_nothing(known, dice):
    mixed = list(known.standings)
    dice.shuffle(mixed)
    assert next_step(replace(known, standings=tuple(mixed)), SURE) == next_step(known, SURE)


@everything
@given(evidence, counts, counts, counts)
def test_with_less_to_come_it_ends_no_later(known, a, b, c):
    left = known.left
    less = Left(min(a, left.candidates), min(b, left.tests), min(c, left.refinement))
    if next_step(known, SURE).purpose is None:
        assert next_step(replace(known, left=less), SURE).purpose is None


@everything
@given(evidence, st.integers(1, 9), st.floats(0, 1))
def test_a_stronger_lead_or_a_surer_selector_ends_it_no_later(known, more, surer):
    if next_step(known, SURE).purpose is not None or not known.best:
        return
    lead, *others = known.best
    stronger = replace(lead, samples=lead.samples + more)
    assert next_step(replace(known, standings=(stronger, *others)), SURE).purpose is None
    if known.probability is not None:
        sure = replace(known, probability=max(known.probability, surer))
        assert next_step(sure, SURE).purpose is None


@everything
@given(st.integers(1, 30), st.lists(standings, max_size=5), counts, st.integers(0, 4))
def test_however_the_rest_votes_a_safe_lead_keeps_it(samples, others, coming, refiners):
    """Each trajectory to come is one voice; all may go to the strongest of the others."""
    worse = tuple(replace(one, broken=one.broken + 1) for one in others)
    known = Evidence((good(samples), *worse), Left(coming, 0, refiners))
    step = next_step(known, SURE)
    strongest = max((one.samples for one in worse), default=0)
    safe = samples > strongest + coming + refiners
    assert safe == (step.purpose is None and "overtake" in step.reason) or not known.left
    if safe:
        assert lead_is_possible(samples + sum(one.samples for one in worse), known.left)


@everything
@given(st.integers(1, 20), st.integers(0, 6), st.integers(0, 6), st.integers(1, 5), st.data())
def test_rounds_end_and_never_draw_more_than_there_are(candidates, tests, refiners, more, data):
    left, drawn = {"candidates": candidates, "tests": tests, "refinement": refiners}, 0
    for _ in range(candidates + tests + refiners + 1):
        known = replace(data.draw(evidence), left=Left(**left))
        step = next_step(known, SURE)
        if step.purpose is None:
            break
        taken = min(more, left[step.purpose])
        assert taken > 0
        left[step.purpose] -= taken
        drawn += taken
    else:
        raise AssertionError("it never ended")
    assert drawn <= candidates + tests + refiners
