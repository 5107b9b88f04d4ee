"""The client of OpenAI-compatible servers against a real HTTP server that plays replies and faults."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Any

import pytest

from agent.arguments import MALFORMED, specifications
from agent.messages import Message, Reply, Sampling, ToolCall, Usage
from agent.models.base import Capabilities, Model, Probing
from agent.models.chat import Deadlines
from agent.models.compatible import CompatibleModel, split_address
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

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason='needs pip install "mangabey[openai]"')

HELLO = (Message(role="system", content="s"), Message(role="user", content="hello"))
EVERYTHING = Capabilities(
    tools=True, n=True, seed=True, stop=True, logprobs=True, labels=True, response_schema=True
)


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub() as stub:
        yield stub


@pytest.fixture
async def model(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CompatibleModel]:
    monkeypatch.setenv("OPENAI_API_KEY", "planted-key-1234")
    model = CompatibleModel(f"x@{stub.address}", declared=EVERYTHING)
    yield model
    await model.close()


async def ask(model: Model, messages: tuple[Message, ...] = HELLO, **sampling: Any) -> Reply:
    return await model.generate(messages, specifications(), Sampling(**sampling))


async def test_a_streamed_reply(stub: Stub, model: CompatibleModel) -> None:
    stub.play(acts.says("hello there, naïve 🐒", reasoning_content="think"))
    reply = await ask(model, temperature=0.5, seed=7, sample=2, stop=("END",), n=1)
    assert (reply.text, reply.reasoning) == ("hello there, naïve 🐒", "think")
    assert (reply.finish_reason, reply.model) == ("stop", acts.MODEL)
    assert reply.usage == Usage(input=100, cached_input=60, output=20, reasoning=7)
    assert reply.cost is None
    assert reply.first_token is not None
    assert 0 < reply.first_token <= reply.seconds
    assert reply.raw["id"] == "chat-1"
    asked = stub.chats[0].body
    assert asked["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "hello"}]
    assert (asked["temperature"], asked["seed"], asked["stop"]) == (0.5, 9, ["END"])
    assert asked["stream"]
    assert asked["stream_options"] == {"include_usage": True}
    assert [tool["function"]["name"] for tool in asked["tools"]][:2] == ["bash", "view"]
    assert "n" not in asked
    assert stub.chats[0].headers["authorization"] == "Bearer planted-key-1234"


async def test_first_token_and_whole_are_timed(stub: Stub, model: CompatibleModel) -> None:
    stub.play(acts.says("abcd", pieces=4, pause=0.05))
    reply = await ask(model)
    assert reply.first_token is not None
    assert 0.09 < reply.first_token < reply.seconds - 0.14


async def test_what_is_not_declared_is_not_sent(stub: Stub) -> None:
    model = CompatibleModel(f"x@{stub.address}", declared=Capabilities())
    stub.play(acts.says("hi"))
    sampling = Sampling(
        temperature=1, n=3, stop=("a",), logprobs=2, labels=("YES",), response_schema={"type": "object"}
    )
    reply = await model.generate(HELLO, (), sampling)
    assert set(stub.chats[0].body) == {
        "model", "messages", "temperature", "max_tokens", "stream", "stream_options",
    }  # fmt: skip
    assert reply.labels == {"YES": None}
    await model.close()


async def test_several_samples_in_one_request(stub: Stub, model: CompatibleModel) -> None:
    parts = [acts.part({"content": text}, index=index) for text, index in (("b", 1), ("a", 0), ("B", 1))]
    ends = [acts.part({}, finish="stop", index=0), acts.part({}, finish="length", index=1)]
    stub.play(acts.streams(*parts, *ends, {"choices": [], "usage": acts.USAGE}, "[DONE]"))
    reply = await ask(model, temperature=1, n=2)
    assert stub.chats[0].body["n"] == 2
    assert [reply.text, *(other.text for other in reply.others)] == ["a", "bB"]
    assert reply.others[0].finish_reason == "length"
    assert reply.usage.output == 20
    assert reply.others[0].usage == Usage()


async def test_tool_calls_and_the_conversation_with_them(stub: Stub, model: CompatibleModel) -> None:
    stub.play(acts.calls('{"command": "ls"}', '{"command": "pwd", "timeout": 5}'))
    reply = await ask(model)
    assert reply.finish_reason == "tool_calls"
    assert reply.tool_calls == (
        ToolCall(id="c0", name="bash", arguments={"command": "ls"}),
        ToolCall(id="c1", name="bash", arguments={"command": "pwd", "timeout": 5}),
    )
    answers = tuple(Message(role="tool", content="", tool_call_id=call.id) for call in reply.tool_calls)
    await ask(model, (*HELLO, reply.as_message(), *answers))
    assistant, *tools = stub.chats[1].body["messages"][2:]
    assert json.loads(assistant["tool_calls"][0]["function"]["arguments"]) == {"command": "ls"}
    assert [tool["tool_call_id"] for tool in tools] == ["c0", "c1"]


@pytest.mark.parametrize("raw", ['{"command": "l', "[1]", "true", '{"command": "a\\qb"}'])
async def test_arguments_that_are_no_json_object(stub: Stub, model: CompatibleModel, raw: str) -> None:
    stub.play(acts.calls(raw))
    reply = await ask(model)
    assert list(reply.tool_calls[0].arguments) == [MALFORMED]


async def test_labels_and_log_probabilities(stub: Stub, model: CompatibleModel) -> None:
    top = [
        {"token": "YES", "logprob": -1.0},
        {"token": " YES", "logprob": -1.0},
        {"token": "no", "logprob": -9},
    ]
    logprobs = {"content": [{"token": "YES", "logprob": -1.0, "top_logprobs": top}]}
    stub.play(
        acts.streams(acts.part({"content": "YES"}, logprobs=logprobs), acts.part({}, finish="stop"), "[DONE]")
    )
    reply = await ask(model, labels=("YES", "NO"))
    assert stub.chats[0].body["top_logprobs"] == 20
    assert reply.labels["YES"] == pytest.approx(-0.307, abs=1e-3)
    assert reply.labels["NO"] is None
    assert reply.logprobs == ({"YES": -1.0, " YES": -1.0, "no": -9.0},)
    reply = await ask(model, logprobs=3)
    assert stub.chats[1].body["top_logprobs"] == 3
    assert reply.logprobs == ({"YES": -1.0, " YES": -1.0, "no": -9.0},)


async def test_a_reply_that_comes_whole_though_a_stream_was_asked_for(
    stub: Stub, model: CompatibleModel
) -> None:
    stub.play(acts.answers(acts.completion({"content": "hi", "reasoning": "hm"})))
    reply = await ask(model)
    assert (reply.text, reply.reasoning, reply.usage.input) == ("hi", "hm", 100)
    assert reply.first_token is not None


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (acts.refuses(401, "bad key planted-key-1234"), AuthenticationError, "check the key"),
        (acts.refuses(403, "not yours"), AuthenticationError, "check the key"),
        (acts.refuses(404, "no model x"), ModelUnavailableError, "check the model's name"),
        (acts.refuses(400, "bad temperature"), BadRequestError, "bad temperature"),
        (acts.refuses(400, "too many", "context_length_exceeded"), ContextOverflowError, "too long"),
        (acts.refuses(413, "big"), ContextOverflowError, "too large"),
        (acts.refuses(400, "flagged", "content_policy_violation"), ContentPolicyError, "policy"),
        (acts.refuses(429, "slow down"), RateLimitedError, "try again later"),
        (acts.refuses(429, "you exceeded your current quota"), QuotaSpentError, "used up"),
        (acts.refuses(402, "pay"), QuotaSpentError, "used up"),
        (acts.refuses(500, "oops"), ServerFailedError, "oops"),
        (acts.refuses(503, "overloaded"), ServerFailedError, "overloaded"),
        (acts.answers("<html>gateway</html>", 502), ServerFailedError, "gateway"),
        (acts.answers("<html>welcome</html>"), BadReplyError, "no choice"),
        (acts.answers({"choices": []}), BadReplyError, "no choice"),
        (acts.answers([]), BadReplyError, "no part of a chat completion"),
        (acts.answers({"error": {"message": "no", "code": 429}}), RateLimitedError, "no"),
        (acts.answers('{"choices": [{"index"', content_type="application/json"), BadReplyError, "torn JSON"),
        (acts.streams("[DONE]"), BadReplyError, "no choice"),
        (acts.streams(acts.part({"content": "a"})), BadReplyError, "no end"),
        (acts.streams(acts.part({"content": "a"}, finish="abort")), BadReplyError, "broke the reply off"),
        (acts.streams(acts.part({"content": "a"}), {"error": "died"}), ServerFailedError, "died"),
        (acts.tears("a"), BadReplyError, "torn JSON"),
        (acts.drops("a"), ConnectionLostError, "broke in the reply"),
        (acts.drops(), ConnectionLostError, "broke in the reply"),
    ],
)  # fmt: skip
async def test_failures_by_class_in_one_line_and_sent_once(
    stub: Stub, model: CompatibleModel, act: Any, error: type[ModelError], words: str
) -> None:
    stub.play(act)
    with pytest.raises(ModelError, match=words) as caught:
        await ask(model)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    assert "planted-key" not in str(caught.value)
    assert len(stub.chats) == 1


async def test_retry_after_is_told(stub: Stub, model: CompatibleModel) -> None:
    stub.play(acts.refuses(429, "slow down", retry_after="17"))
    with pytest.raises(RateLimitedError) as caught:
        await ask(model)
    assert caught.value.retry_after == 17


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": -3, "completion_tokens": "x"},
        {"prompt_tokens": 10**15, "completion_tokens": 10**15},
        {"prompt_tokens": 0, "completion_tokens": 0},
        "much",
        7,
    ],
)
async def test_wrong_usage_is_counted_here(stub: Stub, model: CompatibleModel, usage: Any) -> None:
    stub.play(acts.says("a" * 400, usage=usage))
    counted = (await ask(model)).usage
    assert counted.estimated
    assert 0 < counted.input < 1000
    assert counted.output == 100


async def test_of_usage_half_told_the_other_half_is_counted_here(stub: Stub, model: CompatibleModel) -> None:
    stub.play(acts.says("hi", usage={"prompt_tokens": 50, "completion_tokens": -1}))
    assert (await ask(model)).usage == Usage(input=50, output=2, estimated=True)


@pytest.mark.parametrize(
    ("act", "deadlines", "words"),
    [
        (acts.hangs_before_headers(), Deadlines(first_token=0.2), "no first token within 0.2 s"),
        (acts.hangs_before_first_token(), Deadlines(first_token=0.2), "no first token within 0.2 s"),
        (acts.goes_idle("a", "b"), Deadlines(idle=0.2), "stopped coming for 0.2 s"),
    ],
)
async def test_deadlines(stub: Stub, act: Any, deadlines: Deadlines, words: str) -> None:
    model = CompatibleModel(f"x@{stub.address}", declared=Capabilities(), deadlines=deadlines)
    stub.play(act)
    started = time.monotonic()
    with pytest.raises(DeadlineError, match=words):
        await model.generate(HELLO, (), Sampling())
    assert time.monotonic() - started < 2
    await asyncio.wait_for(stub.chats[0].over.wait(), 2)
    assert stub.chats[0].hung_up
    await model.close()


async def test_a_slow_reply_that_keeps_coming_is_not_late(stub: Stub) -> None:
    deadlines = Deadlines(first_token=0.5, idle=0.2)
    model = CompatibleModel(f"x@{stub.address}", declared=Capabilities(), deadlines=deadlines)
    stub.play(acts.says("abcdefghij", pieces=10, pause=0.05))
    assert (await model.generate(HELLO, (), Sampling())).text == "abcdefghij"
    await model.close()


async def test_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    model = CompatibleModel("x@http://127.0.0.1:9/v1", declared=Capabilities())
    with pytest.raises(ConnectionLostError, match="cannot be reached"):
        await model.generate(HELLO, (), Sampling())
    await model.close()


async def test_connect_deadline() -> None:
    """Connections to a listener with a full queue are never made."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fill = [socket.socket() for _ in range(4)]
        for one in fill:
            one.setblocking(False)
            one.connect_ex(address)
        model = CompatibleModel(
            f"x@http://127.0.0.1:{address[1]}/v1", declared=Capabilities(), deadlines=Deadlines(connect=0.3)
        )
        with pytest.raises(DeadlineError, match=r"no connection to .* within 0.3 s"):
            await model.generate(HELLO, (), Sampling())
        await model.close()
        for one in fill:
            one.close()


@pytest.mark.parametrize("act", [acts.hangs_before_headers(), acts.goes_idle("a")])
async def test_a_cancelled_call_is_closed_at_the_server(stub: Stub, model: CompatibleModel, act: Any) -> None:
    stub.play(act)
    call = asyncio.ensure_future(ask(model))
    await stub.came.wait()
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.wait_for(stub.chats[0].over.wait(), 2)
    assert stub.chats[0].hung_up
    assert stub.open == 0
    stub.play(acts.says("hi"))
    assert (await ask(model)).text == "hi"


async def test_many_streams_at_once(stub: Stub, model: CompatibleModel) -> None:
    stub.play(acts.says("abcd", pause=0.1))
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(ask(model)) for _ in range(150)]
    assert {call.result().text for call in calls} == {"abcd"}
    assert stub.most == 150


async def test_one_connection_serves_calls_in_turn(stub: Stub, model: CompatibleModel) -> None:
    stub.play(acts.says("hi"))
    for _ in range(3):
        await ask(model)
    assert stub.connections == 1


def test_a_backend_outlives_an_event_loop() -> None:
    model = CompatibleModel("x@http://127.0.0.1:1/v1", declared=Capabilities())

    async def once() -> str:
        async with Stub() as stub:
            stub.play(acts.says("hi"))
            model._endpoint.address = stub.address
            text = (await model.generate(HELLO, (), Sampling())).text
            await model.close()
            return text

    assert [asyncio.run(once()), asyncio.run(once())] == ["hi", "hi"]


async def test_a_server_without_keys(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", stub.address)
    model = load_model("compatible/org/name:7b")
    assert isinstance(model, Probing)
    stub.play(acts.says("hi"))
    await model.generate(HELLO, (), Sampling())
    assert stub.chats[0].body["model"] == "org/name:7b"
    assert "authorization" not in stub.chats[0].headers
    await model.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("x", ("x", "default")),
        ("a/b@main", ("a/b@main", "default")),
        ("a@b@http://h:1/v1", ("a@b", "http://h:1/v1")),
        ("x@https://h/v1", ("x", "https://h/v1")),
    ],
)
def test_addresses(name: str, split: tuple[str, str]) -> None:
    assert split_address(name, "default") == split


@pytest.mark.parametrize(
    ("name", "words"),
    [("x", "set OPENAI_BASE_URL"), ("x@http://", "is no address"), ("x@http://[::1/v1", "is no address")],
)
def test_wrong_addresses(monkeypatch: pytest.MonkeyPatch, name: str, words: str) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(ModelUnavailableError, match=words):
        load_model(f"compatible/{name}")


@pytest.mark.parametrize("name", ["compatible/x@http://h/v1", "vllm/x"])
def test_the_sdk_missing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ModelUnavailableError, match=r'pip install "mangabey\[openai\]"'):
        load_model(name)
