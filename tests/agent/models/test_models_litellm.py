"""The LiteLLM backend against a real HTTP server that speaks OpenAI's chat completions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Any

import pytest

from agent.arguments import MALFORMED, specifications
from agent.messages import Message, Reply, Sampling, ToolCall, Usage
from agent.models.chat import Deadlines
from agent.models.errors import (
    AuthenticationError,
    BadReplyError,
    BadRequestError,
    ConnectionLostError,
    ContentPolicyError,
    ContextOverflowError,
    DeadlineError,
    ModelError,
    ModelUnavailableError,
    QuotaSpentError,
    RateLimitedError,
    ServerFailedError,
)
from agent.models.registry import load_model
from agent.models.stub import Stub, acts

pytestmark = pytest.mark.skipif(find_spec("litellm") is None, reason='needs pip install "mangabey[litellm]"')

HELLO = (Message(role="system", content="s"), Message(role="user", content="hello"))


@pytest.fixture
async def stub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stub]:
    async with Stub() as stub:
        monkeypatch.setenv("OPENAI_API_BASE", stub.address)
        monkeypatch.setenv("OPENAI_API_KEY", "planted-key-1234")
        yield stub


async def ask(messages: tuple[Message, ...] = HELLO, **sampling: Any) -> Reply:
    return await load_model("litellm/openai/x").generate(messages, specifications(), Sampling(**sampling))


async def test_a_streamed_reply(stub: Stub) -> None:
    stub.play(acts.says("hello there", reasoning_content="think"))
    reply = await ask(temperature=0.5, seed=7, sample=2, stop=("END",))
    assert (reply.text, reply.reasoning) == ("hello there", "think")
    assert (reply.finish_reason, reply.model) == ("stop", acts.MODEL)
    assert reply.usage == Usage(input=100, cached_input=60, output=20, reasoning=7)
    assert reply.cost is None
    assert reply.first_token is not None
    assert 0 < reply.first_token <= reply.seconds
    asked = stub.chats[0].body
    assert asked["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "hello"}]
    assert (asked["temperature"], asked["seed"], asked["stop"]) == (0.5, 9, ["END"])
    assert asked["stream"]
    assert [tool["function"]["name"] for tool in asked["tools"]][:2] == ["bash", "view"]


async def test_price_of_a_known_model(stub: Stub) -> None:
    stub.play(acts.says("hi"))
    reply = await load_model("litellm/openai/gpt-4o").generate(HELLO, (), Sampling())
    assert reply.cost == pytest.approx(40 * 2.5e-6 + 60 * 1.25e-6 + 20 * 1e-5)


async def test_what_a_model_can_do_is_known_without_asking() -> None:
    known = load_model("litellm/anthropic/claude-sonnet-4-5").capabilities
    assert (known.tools, known.prefix_cache, known.n, known.logprobs) == (True, True, False, False)
    assert known.context_length == 200_000
    assert load_model("litellm/openai/gpt-4o").capabilities.labels
    unknown = load_model("litellm/openai/no-such-model").capabilities
    assert (unknown.tools, unknown.n, unknown.context_length) == (True, False, None)


async def test_several_samples_in_one_request(stub: Stub) -> None:
    body = acts.completion({"content": "a"})
    other = {"index": 1, "message": {"role": "assistant", "content": "b"}, "finish_reason": "stop"}
    stub.play(acts.answers(body | {"choices": [*body["choices"], other]}))
    model = load_model("litellm/openai/gpt-4o")
    reply = await model.generate(HELLO, (), Sampling(temperature=1, n=2))
    assert stub.chats[0].body["n"] == 2
    assert [reply.text, *(other.text for other in reply.others)] == ["a", "b"]


async def test_tool_calls_and_the_conversation_with_them(stub: Stub) -> None:
    stub.play(acts.calls('{"command": "ls"}', '{"command": "pwd", "timeout": 5}'))
    reply = await ask()
    assert reply.finish_reason == "tool_calls"
    assert reply.tool_calls == (
        ToolCall(id="c0", name="bash", arguments={"command": "ls"}),
        ToolCall(id="c1", name="bash", arguments={"command": "pwd", "timeout": 5}),
    )
    answers = tuple(Message(role="tool", content="", tool_call_id=call.id) for call in reply.tool_calls)
    await ask((*HELLO, reply.as_message(), *answers))
    assistant, *tools = stub.chats[1].body["messages"][2:]
    assert json.loads(assistant["tool_calls"][0]["function"]["arguments"]) == {"command": "ls"}
    assert [tool["tool_call_id"] for tool in tools] == ["c0", "c1"]


@pytest.mark.parametrize("raw", ['{"command": "l', "[1]", "true", '{"command": "a\\qb"}'])
async def test_arguments_that_are_no_json_object(stub: Stub, raw: str) -> None:
    stub.play(acts.calls(raw))
    reply = await ask()
    assert list(reply.tool_calls[0].arguments) == [MALFORMED]
    await ask((*HELLO, reply.as_message(), Message(role="tool", content="wrong", tool_call_id="c0")))
    sent = stub.chats[1].body["messages"][2]["tool_calls"][0]["function"]["arguments"]
    assert isinstance(json.loads(sent), dict)


async def test_raw_line_ends_in_arguments_are_read(stub: Stub) -> None:
    stub.play(acts.calls('{"command": "a\nb"}'))
    assert (await ask()).tool_calls[0].arguments == {"command": "a\nb"}


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (acts.refuses(400, "This model's maximum context length is 4096 tokens."), ContextOverflowError),
        (acts.refuses(400, "too many", "context_length_exceeded"), ContextOverflowError),
        (acts.refuses(400, "flagged", "content_policy_violation"), ContentPolicyError),
        (acts.refuses(401, "Incorrect API key planted-key-1234"), AuthenticationError),
        (acts.refuses(403, "no access"), AuthenticationError),
        (acts.refuses(404, "no model x"), ModelUnavailableError),
        (acts.refuses(400, "bad temperature"), BadRequestError),
        (acts.refuses(429, "You exceeded your current quota", "insufficient_quota"), QuotaSpentError),
        (acts.refuses(429, "slow down", retry_after="17"), RateLimitedError),
        (acts.refuses(500, "oops"), ServerFailedError),
        (acts.refuses(503, "overloaded"), ServerFailedError),
        (acts.drops("a"), ConnectionLostError),
        (acts.streams(acts.part({"content": "a"}), {"error": {"message": "died"}}), ServerFailedError),
    ],
)  # fmt: skip
async def test_failures_by_class_in_one_line_and_sent_once(
    stub: Stub, act: Any, error: type[ModelError]
) -> None:
    stub.play(act)
    with pytest.raises(ModelError) as caught:
        await ask()
    assert type(caught.value) is error, str(caught.value)
    assert "\n" not in str(caught.value)
    assert "planted-key" not in str(caught.value)
    assert len(stub.chats) == 1
    assert caught.value.retry_after == (17 if error is RateLimitedError else None)


@pytest.mark.parametrize(
    "act",
    [
        acts.answers("<html>gateway</html>"),
        acts.answers({"choices": []}),
        acts.streams("[DONE]"),
        acts.tears("a"),
    ],
)
async def test_garbage(stub: Stub, act: Any) -> None:
    stub.play(act)
    with pytest.raises(ModelError) as caught:
        await ask()
    assert isinstance(caught.value, BadReplyError), repr(caught.value)
    assert "\n" not in str(caught.value)


async def test_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    with pytest.raises(ConnectionLostError):
        await ask()


@pytest.mark.parametrize(
    ("act", "deadlines"),
    [
        (acts.hangs_before_headers(), Deadlines(first_token=0.3)),
        (acts.hangs_before_first_token(), Deadlines(first_token=0.3)),
        (acts.goes_idle("a"), Deadlines(idle=0.3)),
    ],
)
async def test_deadlines(stub: Stub, act: Any, deadlines: Deadlines) -> None:
    from agent.models.litellm import LiteLLMModel

    stub.play(act)
    with pytest.raises(DeadlineError):
        await LiteLLMModel("openai/x", deadlines).generate(HELLO, (), Sampling())
    await asyncio.wait_for(stub.chats[0].over.wait(), 2)
    assert stub.chats[0].hung_up
    assert len(stub.chats) == 1


@pytest.mark.parametrize("act", [acts.hangs_before_headers(), acts.goes_idle("a")])
async def test_a_cancelled_call_is_closed_at_the_server(stub: Stub, act: Any) -> None:
    stub.play(act)
    call = asyncio.ensure_future(ask())
    await stub.came.wait()
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(stub.chats[0].over.wait(), 2)
    assert stub.chats[0].hung_up


async def test_markers_of_the_prompt_cache_for_claude(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What LiteLLM sends to Anthropic's own interface; the answer is of no interest."""
    monkeypatch.setenv("ANTHROPIC_API_BASE", stub.address.removesuffix("/v1"))
    monkeypatch.setenv("ANTHROPIC_API_KEY", "key")
    call = ToolCall(id="c0", name="bash", arguments={"command": "ls"})
    history = (
        *HELLO,
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="files", tool_call_id="c0"),
    )
    with pytest.raises(ModelError):
        await load_model("litellm/anthropic/claude-sonnet-4-5").generate(
            history, specifications(), Sampling()
        )
    body = stub.asked[0].body
    mark = {"type": "ephemeral"}
    assert body["system"][-1]["cache_control"] == mark
    first, _, last = body["messages"]
    assert "cache_control" not in json.dumps(first)
    assert json.dumps(last["content"][-1]).count("cache_control") == 1


async def test_no_markers_for_others(stub: Stub) -> None:
    stub.play(acts.says("hi"))
    await load_model("litellm/openai/gpt-4o").generate(HELLO, (), Sampling())
    assert "cache_control" not in json.dumps(stub.chats[0].body)
