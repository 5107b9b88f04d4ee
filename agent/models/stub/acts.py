"""What the stub can play: replies, refusals, and everything that goes wrong on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agent.models.stub.server import Act, Exchange

USAGE: dict[str, Any] = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 60},
    "completion_tokens_details": {"reasoning_tokens": 7},
}
MODEL = "stub-2026"


def says(text: str, *, pieces: int = 4, pause: float = 0.0, usage: Any = USAGE, **message: Any) -> Act:
    """Stream a reply in pieces, with `pause` seconds before each; to a request without stream, answer whole.

    `message` holds further fields of the message, such as `reasoning_content`.
    """
    return plays([{"content": piece} for piece in split(text, pieces)], message, pause=pause, usage=usage)


def calls(*arguments: str, name: str = "bash", pieces: int = 3, usage: Any = USAGE) -> Act:
    """Stream a reply that calls a tool once for each of `arguments`, the arguments torn into pieces."""
    parts: list[dict[str, Any]] = []
    for index, text in enumerate(arguments):
        head = {"index": index, "id": f"c{index}", "type": "function"}
        parts.append({"tool_calls": [head | {"function": {"name": name, "arguments": ""}}]})
        torn = ({"index": index, "function": {"arguments": piece}} for piece in split(text, pieces))
        parts.extend({"tool_calls": [piece]} for piece in torn)
    return plays(parts, finish="tool_calls", usage=usage)


def plays(
    parts: Sequence[Mapping[str, Any]],
    message: Mapping[str, Any] | None = None,
    *,
    finish: str = "stop",
    usage: Any = USAGE,
    pause: float = 0.0,
) -> Act:
    """Stream these deltas, behind one with the role and `message`."""

    async def act(exchange: Exchange) -> None:
        await exchange.begin()
        for delta in ({"role": "assistant", **(message or {})}, *parts):
            await asyncio.sleep(pause)
            await exchange.event(part(delta))
        await exchange.event(part({}, finish=finish))
        if usage is not None:
            await exchange.event({**part({}), "choices": [], "usage": usage})
        await exchange.event("[DONE]")
        await exchange.end()

    return act


def streams(*events: Any, end: bool = True) -> Act:
    """Stream these events as they are; without `end` the connection is closed instead of the stream."""

    async def act(exchange: Exchange) -> None:
        await exchange.begin()
        for event in events:
            await exchange.event(event)
        if end:
            await exchange.end()
        else:
            exchange.drop()

    return act


def answers(body: Any, status: int = 200, **headers: str) -> Act:
    """Answer whole, though a stream may have been asked for."""

    async def act(exchange: Exchange) -> None:
        await exchange.answer(status, body, **headers)

    return act


def refuses(status: int, message: str = "", code: str | None = None, **headers: str) -> Act:
    """Answer with an error in OpenAI's shape."""
    error = {"message": message, "type": "error", "param": None, "code": code}
    return answers({"error": error}, status, **headers)


def hangs_before_headers() -> Act:
    """Take the request and never answer."""

    async def act(exchange: Exchange) -> None:
        await asyncio.Event().wait()

    return act


def hangs_before_first_token() -> Act:
    """Begin the stream, name the role, and fall silent."""
    return goes_idle()


def goes_idle(*texts: str) -> Act:
    """Stream these pieces of text and fall silent."""

    async def act(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event(part({"role": "assistant", "content": ""}))
        for text in texts:
            await exchange.event(part({"content": text}))
        await asyncio.Event().wait()

    return act


def drops(*texts: str) -> Act:
    """Stream these pieces of text and break the connection."""
    return streams(*(part({"content": text}) for text in texts), end=False)


def tears(*texts: str) -> Act:
    """Stream these pieces of text, then half of a JSON object, and end as if all were well."""

    async def act(exchange: Exchange) -> None:
        await exchange.begin()
        for text in texts:
            await exchange.event(part({"content": text}))
        await exchange.raw('data: {"choices": [{"index": 0, "delta": {"conte\n\n')
        await exchange.end()

    return act


def part(
    delta: Mapping[str, Any], *, finish: str | None = None, index: int = 0, **more: Any
) -> dict[str, Any]:
    """Return one part of a streamed completion; `more` are further fields of its choice."""
    choice = {"index": index, "delta": dict(delta), "finish_reason": finish, **more}
    return {
        "id": "chat-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": MODEL,
        "choices": [choice],
    }


def completion(message: Mapping[str, Any], finish: str = "stop", usage: Any = USAGE) -> dict[str, Any]:
    """Return a completion that comes whole."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [choice],
        "usage": usage,
    }


def split(text: str, pieces: int) -> Iterator[str]:
    """Give a text in so many pieces of about one length, fewer where it is short."""
    size = max(1, -(-len(text) // pieces))
    return (text[place : place + size] for place in range(0, len(text), size))
