"""What of a long conversation is sent."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.condense import FULL, KEPT, LATEST, Window, _size
from agent.messages import Message, ToolCall

SYSTEM = Message(role="system", content="You are told this. " * 50)
ISSUE = Message(role="user", content="Solve this. " * 50)


def turn(number: int, size: int, *, native: bool = True) -> list[Message]:
    output = f"output {number}\n" + "x" * size
    if not native:
        said = Message(role="assistant", content=f"<function=bash>{number}")
        return [said, Message(role="user", content=f"<result of=bash>\n{output}\n</result>\n\n[budget]")]
    call = ToolCall(id=f"c{number}", name="bash", arguments={"command": f"echo {number}"})
    said = Message(role="assistant", content="", tool_calls=(call,))
    return [said, Message(role="tool", content=output, tool_call_id=call.id)]


def conversation(sizes: list[int], *, native: bool = True) -> list[Message]:
    turns = [message for number, size in enumerate(sizes) for message in turn(number, size, native=native)]
    return [SYSTEM, ISSUE, *turns]


def total(messages: tuple[Message, ...]) -> int:
    return sum(map(_size, messages))


def test_a_short_conversation_is_sent_as_it_is() -> None:
    messages = conversation([500] * 5)
    assert Window(100_000).fit(messages) == tuple(messages)


@pytest.mark.parametrize("native", [True, False])
def test_the_oldest_observations_give_way(native: bool) -> None:
    messages = conversation([6_000] * 10, native=native)
    sent = Window(20_000).fit(messages)
    assert sent[:2] == (SYSTEM, ISSUE)
    assert sent[-2 * LATEST :] == tuple(messages[-2 * LATEST :])
    assert sent[3].content.startswith("[output of bash condensed: 6,")
    assert sent[3].content.endswith("first line: output 0]")
    assert sent[3].tool_call_id == messages[3].tool_call_id
    assert [one.role for one in sent] == [one.role for one in messages]


def test_condensing_happens_in_steps() -> None:
    messages = conversation([3_000] * 60)
    window = Window(20_000)
    broken = 0
    before: tuple[Message, ...] = ()
    for end in range(2, len(messages) + 1, 2):
        sent = window.fit(messages[:end])
        broken += sent[: len(before)] != before
        before = sent
        assert total(sent) <= FULL * window.room
    assert 1 <= broken <= 60 / (FULL - KEPT) * 3_000 / 3 / window.room + 1


@settings(deadline=None)
@given(st.lists(st.integers(0, 30_000), max_size=25), st.integers(1_000, 60_000), st.booleans())
def test_what_is_sent_keeps_the_shape(sizes: list[int], room: int, native: bool) -> None:
    messages = conversation(sizes, native=native)
    window = Window(room)
    sent = window.fit(messages)
    assert window.fit(messages) == sent
    assert [(one.role, one.tool_call_id) for one in sent] == [
        (one.role, one.tool_call_id) for one in messages
    ]
    assert sent[:2] == tuple(messages[:2])
    latest = min(2 * LATEST, len(messages) - 2)
    assert sent[len(sent) - latest :] == tuple(messages[len(messages) - latest :])
    assert total(sent) <= total(tuple(messages))
    everything_old = Window(1, LATEST).fit(messages)
    assert total(sent) <= max(FULL * room, total(everything_old))


def test_an_overflow_halves_what_is_sent() -> None:
    messages = conversation([3_000] * 20)
    window = Window(1_000_000)
    before = total(window.fit(messages))
    assert window.shrink(messages)
    sent = window.fit(messages)
    assert total(sent) <= before / 2
    assert sent[-1] == messages[-1]


def test_nothing_to_condense_is_said() -> None:
    assert not Window(1_000).shrink(conversation([50_000]))
    assert not Window(1_000).shrink([SYSTEM, ISSUE])


def test_long_replies_of_old_turns_lose_their_middle() -> None:
    call = ToolCall(id="a", name="write_test", arguments={"path": "t.py", "content": "y" * 200_000})
    said = Message(role="assistant", content="z" * 200_000, tool_calls=(call,))
    answer = Message(role="tool", content="Wrote t.py.", tool_call_id="a")
    messages = [SYSTEM, ISSUE, said, answer, *(one for number in range(5) for one in turn(number, 300))]
    sent = Window(50_000).fit(messages)
    assert "characters omitted" in sent[2].content
    assert "characters omitted" in sent[2].tool_calls[0].arguments["content"]
    assert sent[2].tool_calls[0].arguments["path"] == "t.py"
    assert sent[3] == answer


def test_the_window_leaves_room_for_reply_and_tools() -> None:
    assert Window.of(128_000, 8_192, ()).room == 128_000 - 8_192
    assert Window.of(8_000, 8_192, ()).room == 6_000
