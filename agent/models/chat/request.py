"""A conversation, its tools and its sampling as the JSON of a chat completion request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from agent.messages import Message, Sampling, ToolSpec
from agent.models.base import Capabilities

LABEL_ALTERNATIVES = 20
"""Alternatives asked for at each position when labels are wanted: the most that OpenAI and vLLM give."""

EMPTY = "(nothing)"
"""Stands for an empty message, which many servers refuse."""


def chat_request(
    model: str,
    messages: Sequence[Message],
    tools: Sequence[ToolSpec],
    sampling: Sampling,
    capabilities: Capabilities,
) -> dict[str, Any]:
    """Return the body of a request that streams its reply; what the backend cannot do is left out."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [wire_message(message) for message in messages],
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if tools:
        body["tools"] = [wire_tool(tool) for tool in tools]
    if sampling.top_p != 1.0:
        body["top_p"] = sampling.top_p
    if sampling.stop and capabilities.stop:
        body["stop"] = list(sampling.stop)
    if sampling.response_schema is not None and capabilities.response_schema:
        schema = {"name": "reply", "schema": sampling.response_schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body | _drawing(sampling, capabilities) | _alternatives(sampling, capabilities)


def _drawing(sampling: Sampling, capabilities: Capabilities) -> dict[str, Any]:
    """Return what makes samples differ; greedy ones do not, and servers refuse several of them."""
    fields: dict[str, Any] = {}
    if sampling.temperature > 0 and capabilities.seed:
        fields["seed"] = sampling.seed + sampling.sample  # samples of one seed must differ from each other
    if sampling.temperature > 0 and capabilities.n and sampling.n > 1:
        fields["n"] = sampling.n
    return fields


def _alternatives(sampling: Sampling, capabilities: Capabilities) -> dict[str, Any]:
    wanted = sampling.logprobs if capabilities.logprobs else 0
    if sampling.labels and capabilities.labels:
        wanted = max(wanted, LABEL_ALTERNATIVES)
    return {"logprobs": True, "top_logprobs": wanted} if wanted else {}


def wire_tool(tool: ToolSpec) -> dict[str, Any]:
    """Return a tool's specification as requests carry it."""
    return {"type": "function", "function": tool.model_dump()}


def wire_message(message: Message) -> dict[str, Any]:
    """Return one message as requests carry it."""
    if message.role == "tool":
        return {"role": "tool", "content": message.content or EMPTY, "tool_call_id": message.tool_call_id}
    if not message.tool_calls:
        return {"role": message.role, "content": message.content or EMPTY}
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)},
        }
        for call in message.tool_calls
    ]
    return {"role": message.role, "content": message.content or None, "tool_calls": calls}
