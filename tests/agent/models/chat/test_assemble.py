from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.arguments import MALFORMED
from agent.messages import Reply, Sampling, ToolCall, Usage
from agent.models.chat import Assembly
from agent.models.chat.assemble import read_arguments
from agent.models.chat.usage import read_usage
from agent.models.errors import BadReplyError
from agent.models.stub.acts import part

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(
            ["choices", "delta", "message", "content", "tool_calls", "index", "function", "name", "arguments",
             "usage", "logprobs", "top_logprobs", "token", "logprob", "finish_reason", "prompt_tokens", "id"]
        ), inner, max_size=5
    ),
    max_leaves=25,
)  # fmt: skip


def assembled(*parts: Any, **sampling: Any) -> Reply:
    assembly = Assembly("m")
    for one in parts:
        assembly.add(one)
    return assembly.reply(Sampling(**sampling))


def call(*functions: dict[str, Any]) -> list[Any]:
    return [part({"tool_calls": [function]}) for function in functions]


@pytest.mark.parametrize(
    "parts",
    [
        call(  # as OpenAI and vLLM send it
            {"index": 0, "id": "a", "function": {"name": "bash", "arguments": ""}},
            {"index": 0, "function": {"arguments": '{"x": '}},
            {"index": 1, "id": "b", "function": {"name": "view", "arguments": ""}},
            {"index": 0, "function": {"arguments": "1}"}},
            {"index": 1, "function": {"arguments": "{}"}},
        ),
        call(  # the name torn, or repeated in each part
            {"index": 0, "id": "a", "function": {"name": "ba"}},
            {"index": 0, "function": {"name": "sh", "arguments": '{"x"'}},
            {"index": 0, "id": "a", "function": {"name": "bash", "arguments": ": 1}"}},
            {"index": 1, "id": "b", "function": {"name": "view", "arguments": None}},
        ),
        call(  # all with one index, told apart by their ids
            {"index": 0, "id": "a", "function": {"name": "bash", "arguments": '{"x": 1}'}},
            {"index": 0, "id": "b", "function": {"name": "view", "arguments": "{"}},
            {"index": 0, "function": {"arguments": "}"}},
        ),
        call(  # without indices, arguments as an object
            {"id": "a", "function": {"name": "bash", "arguments": {"x": 1}}},
            {"id": "b", "function": {"name": "view", "arguments": {}}},
        ),
    ],
)
def test_tool_calls_as_servers_send_them(parts: list[Any]) -> None:
    reply = assembled(*parts, part({}, finish="tool_calls"))
    assert reply.tool_calls == (
        ToolCall(id="a", name="bash", arguments={"x": 1}),
        ToolCall(id="b", name="view", arguments={}),
    )


def test_calls_without_ids_get_ones_of_their_own() -> None:
    parts = call({"index": 0, "function": {"name": "bash"}}, {"index": 1, "function": {"name": "bash"}})
    reply = assembled(*parts, part({}, finish="stop"))
    assert [one.id for one in reply.tool_calls] == ["call-0", "call-1"]
    assert reply.finish_reason == "tool_calls"


@given(
    arguments=st.dictionaries(st.text(max_size=5), st.text(max_size=9) | st.integers(), max_size=4),
    data=st.data(),
)
def test_arguments_torn_anywhere_come_together(arguments: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(arguments, ensure_ascii=data.draw(st.booleans()))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    parts = call(
        {"index": 0, "id": "a", "function": {"name": "bash"}},
        *({"index": 0, "function": {"arguments": piece}} for piece in pieces),
    )
    assert assembled(*parts, part({}, finish="stop")).tool_calls[0].arguments == arguments


@given(st.text(max_size=60))
def test_any_arguments_are_an_object(raw: str) -> None:
    arguments = read_arguments(raw)
    try:
        meant = json.loads(raw or "{}", strict=False)
    except ValueError:
        meant = None
    assert arguments == meant if isinstance(meant, dict) else list(arguments) == [MALFORMED]


def test_deeply_nested_arguments_are_malformed_not_fatal() -> None:
    assert list(read_arguments("[" * 100_000)) == [MALFORMED]


@given(st.lists(JSON, max_size=4))
def test_any_parts_make_a_reply_or_a_bad_reply(parts: list[Any]) -> None:
    try:
        reply = assembled(*parts, logprobs=1, labels=("a",))
    except BadReplyError:
        return
    assert Reply.model_validate_json(reply.model_dump_json(exclude={"raw"})).text == reply.text


def test_text_reasoning_and_pieces_of_content() -> None:
    reply = assembled(
        part({"role": "assistant", "content": "", "reasoning_content": "a"}),
        part({"reasoning": "b"}),
        part({"content": [{"type": "text", "text": "x"}, {"type": "thinking"}]}),
        part({"content": "y"}, finish="eos"),
    )
    assert (reply.reasoning, reply.text, reply.finish_reason) == ("ab", "xy", "stop")


def test_labels_are_read_where_the_text_begins() -> None:
    def logprobs(*tokens: tuple[str, float]) -> dict[str, Any]:
        top = [{"token": token, "logprob": value} for token, value in tokens]
        return {"content": [{**top[0], "top_logprobs": top}]}

    reply = assembled(
        part({"reasoning_content": "NO"}, logprobs=logprobs(("NO", -0.1))),
        part({"content": "YES"}, logprobs=logprobs(("YES", -1), (" YES", -2), ("\u2581NO", -3), ("Yes", -4))),
        part({"content": "NO"}, finish="stop", logprobs=logprobs(("NO", -0.2))),
        labels=("YES", "NO", "MAYBE"),
    )
    assert reply.labels["YES"] == pytest.approx(math.log(math.exp(-1) + math.exp(-2)))
    assert reply.labels["NO"] == -3
    assert reply.labels["MAYBE"] is None
    assert reply.logprobs[0]["YES"] == -1


def test_a_token_that_begins_one_label_only_counts_for_it() -> None:
    top = [{"token": "10", "logprob": -1}, {"token": "1", "logprob": -2}, {"token": "2", "logprob": -3}]
    logprobs = {"content": [{"token": "10", "logprob": -1, "top_logprobs": top}]}
    reply = assembled(
        part({"content": "10"}, finish="stop", logprobs=logprobs), labels=("1", "10", "20", "21", "3x")
    )
    assert reply.labels == {"1": -2, "10": -1, "20": None, "21": None, "3x": None}


def test_log_probabilities_of_one_text_count_together_and_the_drawn_token_is_among_them() -> None:
    top = [{"token": "a", "logprob": -1}, {"token": "a", "logprob": -1}, {"token": "b", "logprob": None}]
    logprobs = {"content": [{"token": "c", "logprob": -5, "top_logprobs": top}]}
    (first,) = assembled(part({"content": "c"}, finish="stop", logprobs=logprobs), logprobs=2).logprobs
    assert first == {"a": pytest.approx(-1 + math.log(2)), "c": -5}


def test_prompt_log_probabilities() -> None:
    told = [None, {"7": {"logprob": -1, "decoded_token": "a"}, "8": {"logprob": -2}}]
    reply = assembled({**part({"content": "x"}, finish="stop"), "prompt_logprobs": told})
    assert reply.prompt_logprobs == ({}, {"a": -1, "token_id:8": -2})


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (None, Usage()),
        ("much", Usage()),
        ({"prompt_tokens": "12", "completion_tokens": 3.0}, Usage(input=12, output=3)),
        ({"prompt_tokens": -1, "completion_tokens": True}, Usage()),
        ({"prompt_tokens": 10**12, "completion_tokens": "9" * 30}, Usage()),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 12}}, Usage(input=9, cached_input=9)),  # noqa: E501
        ({"prompt_tokens": 9, "prompt_tokens_details": None}, Usage(input=9)),
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, Usage(input=9, cached_input=4)),
        ({"input_tokens": 9, "output_tokens": 5, "reasoning_tokens": 4}, Usage(input=9, output=5, reasoning=4)),  # noqa: E501
    ],
)  # fmt: skip
def test_usage(told: Any, usage: Usage) -> None:
    assert read_usage(told) == usage


@given(JSON)
def test_any_usage_is_none_below_zero(told: Any) -> None:
    assert min(read_usage(told).model_dump().values()) >= 0
