from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runs.crews import Seat, in_turn, seats
from runs.recipe import Crew, Recipe
from runs.variation import varied

LINES = [f"src/m{n}.py:{n + 1}-{n + 9} function name_{n}" for n in range(40)]
CONTEXT = "\n".join(LINES) + "\n\nExisting test files:\ntests/test_a.py"


def seat(sample, index, **crew):
    return Seat(sample, Crew(**crew), index)


def test_nothing_varies_unless_it_is_asked_for():
    for sample in range(5):
        assert varied(CONTEXT, seat(sample, sample), 0) == (CONTEXT, "")


def test_the_first_of_a_crew_is_shown_all_and_each_other_a_part_of_its_own():
    assert varied(CONTEXT, seat(3, 0, context_share=0.5), 0) == (CONTEXT, "")
    shown = {varied(CONTEXT, seat(n, n, context_share=0.5), 0) for n in range(1, 6)}
    assert len(shown) == 5
    assert {words for _, words in shown} == {"10 of 20 lower-ranked lines"}


@given(st.integers(1, 99), st.floats(0.01, 1.0), st.integers(0, 9))
def test_the_upper_half_and_all_that_ranks_nothing_stay(sample, share, seed):
    place = seat(sample, sample, context_share=share)
    text, _ = varied(CONTEXT, place, seed)
    assert text.startswith("\n".join(LINES[:20]))
    assert text.endswith("\n\nExisting test files:\ntests/test_a.py")
    kept = [line for line in text.split("\n") if line in LINES]
    assert kept == [line for line in LINES if line in kept]
    assert len(kept) == 20 + round(share * 20)
    assert varied(CONTEXT, place, seed)[0] == text


def test_a_context_that_ranks_nothing_stays_as_it_is():
    assert varied("only prose\n", seat(1, 1, context_share=0.1), 0) == ("only prose\n", "")


def test_seats_are_numbered_through_the_crews_and_drawn_in_turn():
    recipe = Recipe(crews=(Crew(samples=3), Crew(kind="test-and-edit", samples=2, greedy_first=False)))
    places = seats(recipe)
    assert [place.sample for place in places] == [0, 1, 2, 3, 4]
    assert [place.temperature for place in places] == [0.0, 0.8, 0.8, 0.8, 0.8]
    assert [place.sample for place in in_turn(places)] == [0, 3, 1, 4, 2]
