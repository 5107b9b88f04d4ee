from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.messages import Message
from agent.models.errors import ModelError
from selection.groups import Groups, decided, order, read_choice
from selection.verifiers.material import Material
from tests.selection.readers import Reader, asker, candidate, evidence


def groups(model, *candidates, **settings):
    return Groups(asker(model), Material(evidence(*candidates)), **settings)


def letter_of(told: list[Message], name: str) -> str:
    """The letter under which a candidate is shown."""
    body = told[1].content
    return body[: body.index(f"+    return {name}(x)")].rpartition('<candidate id="')[2][0]


def choosing(name):
    """A reader that has a favourite, and takes the first letter where it is not shown."""

    def answer(told, sampling):
        shown = f"+    return {name}(x)" in told[1].content
        return f"because\n{letter_of(told, name) if shown else 'A'}"

    return answer


async def test_a_majority_that_cannot_be_overturned_ends_the_votes():
    model = Reader(choosing("b"))
    found = await groups(model, candidate("a"), candidate("b"), size=2, votes=5).compare(
        [candidate("a"), candidate("b")]
    )
    assert [one.picked for one in found] == ["b", "b", "b"]
    assert {one.shown for one in found} == {("a", "b"), ("b", "a")}
    assert {one.judge for one in found} == {"trae"}


async def test_who_always_takes_the_first_gives_each_place_its_share():
    model = Reader(lambda *_: "A")
    pool = [candidate("a"), candidate("b")]
    found = await groups(model, *pool, size=2, votes=4).compare(pool)
    assert Counter(one.picked for one in found) == {"a": 2, "b": 2}


async def test_winners_of_groups_meet_until_one_is_left():
    pool = [candidate(name) for name in "abcdefg"]
    found = await groups(Reader(choosing("f")), *pool, size=3, votes=1).compare(pool)
    assert all(2 <= len(one.shown) <= 3 for one in found)
    assert [one.picked for one in found if "f" in one.shown] == ["f"] * len(
        [1 for one in found if "f" in one.shown]
    )
    assert "f" in found[-1].shown
    assert {id_ for one in found for id_ in one.shown} == set("abcdefg")


async def test_replies_that_cannot_be_read_and_lost_calls_pick_nobody():
    said = ["A or B", ModelError("gone"), "B", "neither", "B"]
    model = Reader(lambda told, sampling: said[sampling.sample])
    pool = [candidate("a"), candidate("b")]
    found = await groups(model, *pool, size=2, votes=5).compare(pool)
    assert [bool(one.picked) for one in found] == [False, False, True, False, True]
    assert "gone" in found[1].evidence


@pytest.mark.parametrize("number", [0, 1])
async def test_fewer_than_two_have_nothing_to_compare(number):
    model = Reader(lambda *_: "A")
    assert await groups(model, size=2).compare([candidate("a")][:number]) == ()
    assert not model.asked


async def test_picks_belong_to_their_candidates_whatever_order_replies_come_in():
    pool = [candidate(name) for name in "abcdef"]
    runs = [
        await groups(Reader(choosing("d"), seed=seed), *pool, size=3, votes=3).compare(pool)
        for seed in range(5)
    ]
    assert all(run == runs[0] for run in runs)


@settings(deadline=None)
@given(st.integers(2, 5))
def test_over_all_votes_every_candidate_stands_in_every_place_equally_often(size):
    group = [candidate(chr(97 + n)) for n in range(size)]
    shown = [[one.id for one in order(group, number)] for number in range(2 * size)]
    for place in range(size):
        assert set(Counter(one[place] for one in shown).values()) == {2}


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=9), st.integers(0, 9))
def test_a_decided_vote_cannot_be_overturned(cast, left):
    tally = Counter(cast)
    if decided(tally, left):
        leader = tally.most_common(1)[0][0]
        for other in "abc":
            if other != leader:
                assert tally[leader] > tally[other] + left


def test_a_choice_is_the_last_line_and_nothing_else():
    assert read_choice("A is worse\n\n**B**", "AB") == "B"
    assert read_choice("Candidate a.", "AB") == "A"
    for text in ("", "A and B", "C", "I pick A", "A\nsurely", "BA"):
        assert read_choice(text, "AB") is None
