"""An OpenAI-compatible server on this machine that answers as `Obedient` does, with vLLM's own routes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from agent.messages import Message, Reply, Sampling, ToolCall, ToolSpec
from agent.models.errors import ContextOverflowError
from agent.models.stub import Exchange, Stub, acts
from tests.agent.conformance.obedient import KEY, answer, count

DELAY = 0.02
"""Seconds of a reply that is longer than a few words."""
VOCABULARY = ("yes", " yes", "no", " no")
"""Tokens that have a number: what a label may begin with."""


@asynccontextmanager
async def serving() -> AsyncIterator[Stub]:
    """Serve the model `obedient` for the length of a block."""
    async with Stub() as stub:
        stub.play(obey)
        models = {"object": "list", "data": [{"id": "obedient", "max_model_len": 3000}]}
        stub.pages["/v1/models"] = acts.answers(models)
        stub.pages["/tokenize"] = tokenize
        yield stub


async def tokenize(exchange: Exchange) -> None:
    """Answer as vLLM's route does; a word is a token."""
    text = exchange.asked.body["prompt"]
    tokens = [VOCABULARY.index(text)] if text in VOCABULARY else [len(VOCABULARY)] * count(text)
    await exchange.answer(200, {"count": len(tokens), "tokens": tokens})


async def obey(exchange: Exchange) -> None:
    """Answer a chat completion."""
    asked = exchange.asked.body
    if exchange.asked.headers.get("authorization") != f"Bearer {KEY}":
        return await _refuse(exchange, 401, "Incorrect API key provided.", "invalid_api_key")
    if asked["model"] != "obedient":
        return await _refuse(
            exchange, 404, f"The model {asked['model']!r} does not exist.", "model_not_found"
        )
    try:
        reply = answer(*read_request(asked))
    except ContextOverflowError as error:
        said = f"This model's maximum context length is 3000 tokens. {error}"
        return await _refuse(exchange, 400, said, "context_length_exceeded")
    if len(reply.text) > 100:
        await asyncio.sleep(DELAY)
    ids = asked.get("logprob_token_ids")
    choices = [
        {"index": place, "finish_reason": one.finish_reason, "logprobs": _scores(one, ids)}
        for place, one in enumerate((reply, *reply.others))
    ]
    return await _send(exchange, reply, choices)


async def _send(exchange: Exchange, reply: Reply, choices: list[dict[str, Any]]) -> None:
    """Send a reply in the way that was asked for."""
    messages = [_message(one) for one in (reply, *reply.others)]
    pairs = list(zip(choices, messages, strict=True))
    if not exchange.asked.body.get("stream"):
        whole = [choice | {"message": message} for choice, message in pairs]
        body = _head("chat.completion") | {"choices": whole, "usage": _usage(reply)}
        return await exchange.answer(200, body | _prompt_scores(reply))
    head = _head("chat.completion.chunk")
    events = [head | {"choices": [choice | {"delta": message}]} for choice, message in pairs]
    if (exchange.asked.body.get("stream_options") or {}).get("include_usage"):
        events.append(head | {"choices": [], "usage": _usage(reply)})
    return await acts.streams(*events, "[DONE]")(exchange)


async def _refuse(exchange: Exchange, status: int, message: str, code: str) -> None:
    await acts.refuses(status, message, code)(exchange)


def read_request(asked: dict[str, Any]) -> tuple[list[Message], list[ToolSpec], Sampling]:
    """Return what a request asks, in our words."""
    messages = [
        Message(
            role=one["role"],
            content=one.get("content") or "",
            tool_call_id=one.get("tool_call_id"),
            tool_calls=tuple(
                ToolCall(
                    id=call["id"],
                    name=call["function"]["name"],
                    arguments=json.loads(call["function"]["arguments"]),
                )
                for call in one.get("tool_calls") or ()
            ),
        )
        for one in asked["messages"]
    ]
    tools = [ToolSpec(**tool["function"]) for tool in asked.get("tools") or ()]
    stop = asked.get("stop") or ()
    sampling = Sampling(
        temperature=asked.get("temperature", 1.0),
        max_tokens=asked.get("max_completion_tokens") or asked.get("max_tokens") or 100,
        n=asked.get("n") or 1,
        seed=asked.get("seed") or 0,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        logprobs=asked.get("top_logprobs") or 0,
        prompt_logprobs=asked.get("prompt_logprobs") or 0,
        response_schema=(asked.get("response_format") or {}).get("json_schema", {}).get("schema"),
    )
    return messages, tools, sampling


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chat-1", "object": kind, "created": 1, "model": "obedient-1"}


def _message(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.tool_calls:
        message["tool_calls"] = [
            {
                "index": place,
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for place, call in enumerate(reply.tool_calls)
        ]
    return message


def _scores(reply: Reply, ids: list[int] | None) -> dict[str, Any] | None:
    """Return the log-probabilities of a reply's tokens; of those alone that were named by number."""
    named = None if ids is None else {VOCABULARY[place] for place in ids}
    scores = [
        {
            "token": "x",
            "logprob": -1.0,
            "top_logprobs": [
                {"token": token, "logprob": score}
                for token, score in position.items()
                if named is None or token in named
            ],
        }
        for position in reply.logprobs
    ]
    return {"content": scores} if scores else None


def _prompt_scores(reply: Reply) -> dict[str, Any]:
    told = [
        {"7": {"logprob": score, "decoded_token": "x"}}
        for one in reply.prompt_logprobs
        for score in one.values()
    ]
    return {"prompt_logprobs": [None, *told]} if told else {}


def _usage(reply: Reply) -> dict[str, int]:
    usage = reply.usage
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
    }
