"""What a server can do, found out by at most one tiny request for each feature."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities, Feature
from agent.models.chat.endpoint import Endpoint
from agent.models.chat.request import LABEL_ALTERNATIVES, chat_request
from agent.models.errors import (
    BadReplyError,
    BadRequestError,
    ContentPolicyError,
    ContextOverflowError,
    ModelError,
    ServerFailedError,
)

_REFUSALS = (BadRequestError, BadReplyError, ServerFailedError, ContentPolicyError, ContextOverflowError)
"""How servers answer what they cannot do; llama.cpp refuses tools with status 500."""

_PING = ToolSpec(
    name="ping",
    description="Send a word.",
    parameters={
        "type": "object",
        "properties": {"word": {"type": "string"}},
        "required": ["word"],
        "additionalProperties": False,
    },
)
_SCHEMA = {
    "type": "object",
    "properties": {"done": {"type": "boolean"}},
    "required": ["done"],
    "additionalProperties": False,
}
_LENGTHS = (
    "max_model_len",  # vLLM, SGLang
    "loaded_context_length",  # LM Studio
    "context_length",  # Ollama, hosted ones
    "context_window",
    "n_ctx",  # llama.cpp
    "max_total_tokens",  # TGI
)
_LONGEST = ("max_context_length", "n_ctx_train")
"""What the weights allow; servers are often started with less, so these are believed last."""


async def probe_features(endpoint: Endpoint, model: str) -> tuple[Feature, ...]:
    """Return the features among tools, n, logprobs, labels, response_schema and prefix_cache that work.

    Raises:
        ModelError: the server cannot be asked: it was not reached, is busy, or refuses the key or the model.
    """
    found: list[Feature] = []
    for check in _CHECKS:
        found.extend(await tried(check(endpoint, model)))
    return tuple(found)


async def probe_tools(endpoint: Endpoint, model: str) -> tuple[Feature, ...]:
    """Return `tools` if the server gives a call of a tool as such.

    A reply cut off before any call, as of a model that thinks at length, counts as one: tools were accepted.
    """
    order = "Call the tool `ping` with the word `ready`. Do nothing else."
    sampling = Sampling(max_tokens=256)
    reply = await asked(endpoint, model, order, sampling, Capabilities(tools=True), _PING)
    called: tuple[Feature, ...] = ("tools",) if reply.tool_calls or reply.finish_reason == "length" else ()
    return called + _prefix_cache(reply)


async def _n(endpoint: Endpoint, model: str) -> tuple[Feature, ...]:
    sampling = Sampling(n=2, temperature=1.0, max_tokens=4)
    reply = await asked(endpoint, model, "Say a word.", sampling, Capabilities(n=True))
    return ("n",) if reply.others else ()


async def _logprobs(endpoint: Endpoint, model: str) -> tuple[Feature, ...]:
    sampling = Sampling(logprobs=LABEL_ALTERNATIVES, max_tokens=4)
    reply = await asked(endpoint, model, "Say yes.", sampling, Capabilities(logprobs=True))
    return ("logprobs", "labels") if reply.logprobs and len(reply.logprobs[0]) > 1 else ()


async def _response_schema(endpoint: Endpoint, model: str) -> tuple[Feature, ...]:
    """Ask for words, and see whether the schema makes it an object all the same."""
    sampling = Sampling(response_schema=_SCHEMA, max_tokens=32)
    reply = await asked(endpoint, model, "Say good morning.", sampling, Capabilities(response_schema=True))
    return ("response_schema",) if reply.text.lstrip().startswith("{") else ()


_Check = Callable[[Endpoint, str], Awaitable[tuple[Feature, ...]]]
_CHECKS: tuple[_Check, ...] = (probe_tools, _n, _logprobs, _response_schema)


async def asked(
    endpoint: Endpoint,
    model: str,
    text: str,
    sampling: Sampling,
    capabilities: Capabilities,
    *tools: ToolSpec,
) -> Reply:
    """Return the reply to one short question."""
    messages = (Message(role="user", content=text),)
    body = chat_request(model, messages, tools, sampling, capabilities)
    return await endpoint.complete(body, sampling)


async def tried(check: Awaitable[tuple[Feature, ...]]) -> tuple[Feature, ...]:
    """Return the features that a check finds, none where the server refuses it."""
    try:
        return await check
    except _REFUSALS:
        return ()


def _prefix_cache(reply: Reply) -> tuple[Feature, ...]:
    """Return `prefix_cache` if the server tells how much of a prompt it had at hand."""
    usage = reply.raw.get("usage")
    told = isinstance(usage, Mapping) and (
        isinstance(usage.get("prompt_tokens_details"), Mapping) or "prompt_cache_hit_tokens" in usage
    )
    return ("prefix_cache",) if told else ()


async def probe_context_length(endpoint: Endpoint, model: str) -> int | None:
    """Return how many tokens fit the model's window, None where the server does not tell.

    Asked in turn until one tells: the list of models (vLLM, SGLang, LM Studio, hosted ones), then what
    llama.cpp, TGI, LM Studio and Ollama say of themselves.
    """
    root = endpoint.root
    fallback = None
    for url, of_one_model in (
        (f"{endpoint.address}/models", True),
        (f"{root}/props", False),
        (f"{root}/info", False),
        (f"{root}/api/v0/models", True),
        (f"{root}/api/ps", True),
    ):
        told = await _json(endpoint, url)
        entry = _entry(told, model) if of_one_model else told
        length = _length(entry, _LENGTHS)
        if length:
            return length
        fallback = fallback or _length(entry, _LONGEST)
    return fallback


def _entry(told: Any, model: str) -> Any:
    """Return what a list of models says of one; of a server with one model, whatever its name."""
    listed = (told.get("data") or told.get("models")) if isinstance(told, dict) else None
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    for entry in entries:
        if model in (entry.get("id"), entry.get("name"), entry.get("model")):
            return entry
    return entries[0] if len(entries) == 1 else None


async def _json(endpoint: Endpoint, url: str) -> Any:
    try:
        return json.loads(await endpoint.get(url))
    except (ModelError, ValueError):
        return None


def _length(told: Any, keys: tuple[str, ...]) -> int | None:
    """Return the first of these numbers, in the entry or one level below."""
    if not isinstance(told, dict):
        return None
    for level in (told, *(value for value in told.values() if isinstance(value, dict))):
        for key in keys:
            value = level.get(key)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return None
