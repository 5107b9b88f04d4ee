from __future__ import annotations

import pytest

from agent.messages import Message, Sampling, ToolCall
from agent.models.base import Model
from agent.models.errors import ModelError
from agent.models.repair import RepairModel


async def converse(
    model: Model, messages: list[Message], perform, turns: int, sampling: Sampling
) -> list[Message]:
    messages = list(messages)
    for _ in range(turns):
        reply = await model.generate(messages, (), sampling)
        messages.append(reply.as_message())
        for call in reply.tool_calls:
            messages.append(Message(role="tool", content=perform(call), tool_call_id=call.id))
    return messages


async def test_the_first_reply_says_what_it_is_and_costs_nothing(opening):
    reply = await RepairModel().generate(opening, (), Sampling())
    assert "no language model" in reply.text
    assert reply.cost == 0.0
    assert reply.usage.input == reply.usage.output == 0
    assert [call.name for call in reply.tool_calls] == ["bash", "bash"]
    assert isinstance(RepairModel(), Model)


async def test_the_same_conversation_gives_the_same_reply_on_a_fresh_instance(opening, perform):
    sampling = Sampling(seed=3, sample=2)
    model = RepairModel()
    messages = await converse(model, opening, perform, 5, sampling)
    lively = await model.generate(messages, (), sampling)
    again = await model.generate(messages, (), sampling)
    fresh = await RepairModel().generate(messages, (), sampling)
    assert lively.text == again.text == fresh.text
    assert lively.tool_calls == again.tool_calls == fresh.tool_calls
    assert lively.tool_calls


async def test_a_conversation_led_by_somebody_else_is_refused(opening):
    foreign = (
        *opening,
        Message(
            role="assistant",
            content="Hello",
            tool_calls=(ToolCall(id="1", name="bash", arguments={"command": "ls"}),),
        ),
        Message(role="tool", content="x", tool_call_id="1"),
    )
    with pytest.raises(ModelError, match="not what builtin/repair says"):
        await RepairModel().generate(foreign, (), Sampling())


async def test_other_samples_go_on_with_other_conversations(opening, perform):
    model = RepairModel()
    one = await converse(model, opening, perform, 6, Sampling(sample=0))
    other = await converse(model, opening, perform, 6, Sampling(sample=5))
    assert one[-2].tool_calls != other[-2].tool_calls


async def test_a_missing_answer_is_said(opening):
    model = RepairModel()
    reply = await model.generate(opening, (), Sampling())
    with pytest.raises(ModelError, match="no answer"):
        await model.generate((*opening, reply.as_message()), (), Sampling())


async def test_a_message_without_an_issue_is_refused():
    with pytest.raises(ModelError, match="language model"):
        await RepairModel().generate((Message(role="user", content="Hi"),), (), Sampling())
