from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.context.tokens import guessed
from agent.messages import Message
from selection.conversation import LEFT_OUT, bounded


def spoken(*turns):
    """A conversation: its opening, then replies and answers in turn."""
    opening = [Message(role="system", content="judge"), Message(role="user", content="which?")]
    roles = ("assistant", "user")
    return [*opening, *(Message(role=roles[n % 2], content=text) for n, text in enumerate(turns))]


def size(told):
    return sum(guessed(one.content) for one in told)


def test_what_fits_is_left_as_it_is():
    told = spoken("a" * 900, "b" * 900)
    assert bounded(told, size(told), guessed) == told


def test_the_oldest_is_cut_first_and_the_last_exchange_stays():
    told = spoken("a" * 3_000, "b" * 3_000, "c" * 3_000, "d" * 3_000, "e" * 3_000, "f" * 3_000)
    found = bounded(told, 5_000, guessed)
    assert found[:2] == told[:2]
    assert found[4:] == told[4:]
    assert "characters omitted" in found[2].content
    assert size(found) <= 5_000


def test_exchanges_that_are_left_out_are_counted_in_the_opening():
    told = spoken(*("abcdef"[n] * 3_000 for n in range(6)))
    found = bounded(told, 2_050, guessed)
    assert found[0] == told[0]
    assert found[1].content == "which?\n[... 2 of your replies and their results are left out for room ...]"
    assert found[2:] == told[-2:]


def test_a_reply_whose_result_is_left_stands_for_itself():
    told = spoken("a" * 3_000, "b" * 300, "c" * 3_000, "d" * 3_000)
    found = bounded(told, 2_150, guessed)
    assert [one.content for one in found[2:4]] == [LEFT_OUT, "b" * 300]


def test_the_last_exchange_is_cut_where_it_alone_is_too_long():
    told = spoken("a" * 3_000, "b" * 3_000, "c" * 9_000, "d" * 600 + "choose")
    found = bounded(told, 1_000, guessed)
    assert found[-1] == told[-1]
    assert "characters omitted" in found[-2].content
    assert size(found) <= 1_000


@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=12), st.integers(400, 6_000))
def test_it_always_fits_and_roles_alternate(lengths, tokens):
    told = spoken(*("x" * length for length in (lengths * 2)))
    found = bounded(told, tokens, guessed)
    assert size(found) <= tokens
    assert [one.role for one in found[1:]] == ["user", *["assistant", "user"] * (len(found[2:]) // 2)]
    assert all(one.content for one in found)
