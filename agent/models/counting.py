"""How many tokens a conversation has, before it is sent.

Best known first: what the server reported for the same beginning of the conversation, the backend's own
count, a tokenizer that lies on this machine, and else bounds that hold for any tokenizer.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from agent.messages import Message, ToolSpec

AROUND_MESSAGE = 16
"""Tokens a chat template puts around a message at most, and again around each tool call."""
AROUND_TOOLS = 400
"""Tokens of the words by which a template explains tools."""
REMEMBERED = 20_000
"""Messages and beginnings of conversations whose counts are kept."""

_Kept = TypeVar("_Kept")
_LETTERS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@runtime_checkable
class Counting(Protocol):
    """A backend that can count tokens; optional."""

    async def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text by the model's own tokenizer.

        Raises:
            ModelError: it cannot be told; the caller estimates from then on.
        """


@dataclass(frozen=True, slots=True)
class Count:
    """Bounds for a number of tokens; equal where it is known."""

    least: int
    most: int

    def __add__(self, other: Count) -> Count:
        return Count(self.least + other.least, self.most + other.most)


def estimate(text: str) -> Count:
    """Return bounds for a text's tokens that hold for tokenizers of 30,000 entries and more.

    A tokenizer that works on bytes makes at most one token of a byte. Of letters it makes fewer: even random
    ones, upper case, came to 1.68 letters a token and mixed ones to 1.4 with the tokenizers tried, so 0.75
    tokens a letter leave room; spaces go with the word behind them. So code and prose are taken for about
    three times what they are, base64 and rare ideographs for little more. At the other end, eight bytes a
    token is twice what is reached on code or prose.
    """
    data = text.encode("utf-8", "surrogatepass")
    letters = len(data) - len(data.translate(None, _LETTERS))
    spaces = data.count(b" ")
    most = math.ceil(0.75 * letters + 0.34 * spaces) + len(data) - letters - spaces
    return Count(least=len(data) // 8, most=most)


def likely(text: str) -> int:
    """Return about how many tokens a text is: one for four bytes, as for English and code."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / 4)


class Counter:
    """Counts conversations for one backend; a conversation that has grown costs only what is new.

    Args:
        backend: asked where it fulfils `Counting`.
        tokenize: counts by a tokenizer at hand, where there is one; called in a thread.
    """

    def __init__(self, backend: object, tokenize: Callable[[str], int] | None = None) -> None:
        self._counting = backend if isinstance(backend, Counting) else None
        self._tokenize = tokenize
        self._texts: OrderedDict[int, Count] = OrderedDict()
        self._reported: OrderedDict[int, int] = OrderedDict()

    async def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Count:
        """Return bounds for the tokens of a request's prompt."""
        beginnings = list(_beginnings(messages, tools))
        start, total = 0, await self._of_tools(tools)
        for length in range(len(beginnings), 0, -1):
            reported = self._reported.get(beginnings[length - 1])
            if reported is not None:
                start, total = length, Count(reported, reported)
                break
        for message in messages[start:]:
            total += await self._of_message(message)
        return total

    def learn(self, messages: Sequence[Message], tools: Sequence[ToolSpec], prompt_tokens: int) -> None:
        """Take what a server reported as the number of a prompt's tokens, unless it cannot be."""
        if prompt_tokens >= sum(len(message.content) for message in messages) // 16:
            *_, whole = _beginnings(messages, tools)
            _keep(self._reported, whole, prompt_tokens)

    async def _of_message(self, message: Message) -> Count:
        around = AROUND_MESSAGE * (1 + len(message.tool_calls))
        return await self._of_text(_text(message)) + Count(0, around)

    async def _of_tools(self, tools: Sequence[ToolSpec]) -> Count:
        if not tools:
            return Count(0, 0)
        return await self._of_text(_tools_text(tools)) + Count(0, AROUND_TOOLS)

    async def _of_text(self, text: str) -> Count:
        key = hash(text)
        if (known := self._texts.get(key)) is not None:
            return known
        count = await self._counted(text)
        _keep(self._texts, key, count)
        return count

    async def _counted(self, text: str) -> Count:
        try:
            if self._counting is not None:
                exact = await self._counting.count_tokens(text)
                return Count(exact, exact)
            if self._tokenize is not None:
                exact = await asyncio.to_thread(self._tokenize, text)
                return Count(exact, exact)
        except Exception:  # who cannot count may still answer
            self._counting = self._tokenize = None
        return estimate(text)


def _beginnings(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> Iterator[int]:
    """Yield a hash of the first message with the tools, of the first two, and so on."""
    running = hash(_tools_text(tools)) if tools else 0
    for message in messages:
        running = hash((running, message.role, message.content, _calls_text(message)))
        yield running


def _text(message: Message) -> str:
    calls = _calls_text(message)
    return f"{message.content}\n{calls}" if calls else message.content


def _calls_text(message: Message) -> str:
    if not message.tool_calls:
        return ""
    return json.dumps([[call.name, call.arguments] for call in message.tool_calls], default=str)


def _tools_text(tools: Sequence[ToolSpec]) -> str:
    return json.dumps([tool.model_dump() for tool in tools])


def _keep(kept: OrderedDict[int, _Kept], key: int, value: _Kept) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
