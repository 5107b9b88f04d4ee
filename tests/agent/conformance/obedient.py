"""A model that does what the suite's messages ask of it, by pattern; a word is a token."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Sequence
from typing import Any

from agent.messages import Message, Reply, Sampling, ToolCall, ToolSpec, Usage
from agent.models.base import Capabilities
from agent.models.errors import AuthenticationError, ContextOverflowError, ModelUnavailableError

ANIMALS = ("cat", "dog", "owl", "yak", "eel", "emu", "ant", "bee")
EVERYTHING = Capabilities(
    tools=True,
    n=True,
    seed=True,
    stop=True,
    logprobs=True,
    labels=True,
    prompt_logprobs=True,
    response_schema=True,
    priority=True,
    context_length=3000,
)
KEY = "sk-right-key-of-the-tests"


class Obedient:
    """A backend that keeps every promise; `delay` is the seconds of a reply."""

    name = "obedient"
    capabilities = EVERYTHING

    def __init__(self, *, key: str = KEY, served: str = "obedient", delay: float = 0.0) -> None:
        self._key, self._served, self._delay = key, served, delay

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        if self._key != KEY:
            raise AuthenticationError("the server refuses the key; set a right one")
        if self._served != "obedient":
            raise ModelUnavailableError(f"there is no model {self._served!r}")
        await asyncio.sleep(self._delay)
        return answer(messages, tools, sampling)


def answer(messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling) -> Reply:
    """Return the reply, and its further samples."""
    prompt = sum(count(message.content) + 1 for message in messages)
    if prompt + sampling.max_tokens > (EVERYTHING.context_length or 0):
        raise ContextOverflowError(f"{prompt} tokens are too many for {EVERYTHING.context_length}")
    replies = [_one(messages, tools, sampling, place) for place in range(sampling.n)]
    usage = Usage(input=prompt, output=sum(reply.usage.output for reply in replies))
    first = replies[0].model_copy(update={"usage": usage, "others": tuple(replies[1:])})
    if sampling.labels:
        first = first.model_copy(update={"labels": dict.fromkeys(sampling.labels, -1.0)})
    if sampling.prompt_logprobs:
        first = first.model_copy(update={"prompt_logprobs": ({"x": -2.0},) * prompt})
    return first


def count(text: str) -> int:
    return len(text.split())


def _one(messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling, place: int) -> Reply:
    text = _text(messages, sampling, place)
    calls = _calls(messages, {tool.name for tool in tools})
    finish = "tool_calls" if calls else "stop"
    for piece in sampling.stop:
        text = text.partition(piece)[0]
    if count(text) > sampling.max_tokens:
        text, finish = " ".join(text.split()[: sampling.max_tokens]), "length"
    scores = ({" yes": -0.5, " no": -1.5},) * max(1, count(text)) if sampling.logprobs else ()
    return Reply.model_validate(
        {
            "text": "" if calls else text,
            "tool_calls": calls,
            "finish_reason": finish,
            "usage": Usage(input=1, output=max(1, count(text))),
            "logprobs": scores,
            "model": "obedient-1",
        }
    )


def _text(messages: Sequence[Message], sampling: Sampling, place: int) -> str:
    if messages[-1].role == "tool":
        return f"The tool told: {messages[-1].content}"
    system = next((message.content for message in messages if message.role == "system"), "")
    if rule := re.search(r"whole answer is the word (\w+)", system):
        return rule[1]
    asked = messages[-1].content
    if exactly := re.search(r"Reply with exactly: (.*)", asked, re.DOTALL):
        return exactly[1]
    if counting := re.search(r"Count from 1 to (\d+)", asked):
        return ", ".join(map(str, range(1, int(counting[1]) + 1)))
    rng = random.Random(f"{sampling.seed}:{sampling.sample}:{place}") if sampling.temperature else None
    animal = rng.choice(ANIMALS) if rng else ANIMALS[0]
    if sampling.response_schema:
        return json.dumps(_shaped(sampling.response_schema))
    if "as JSON" in asked:
        return json.dumps({"animal": "cat"})
    return animal if "animal" in asked else "Four."


def _shaped(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an object of a schema's shape."""
    return {name: one.get("enum", [True])[0] for name, one in schema["properties"].items()}


def _calls(messages: Sequence[Message], offered: set[str]) -> tuple[ToolCall, ...]:
    named = re.match(r"Call the tool `(\w+)`", messages[-1].content)
    if named is None or named[1] not in offered:
        return ()
    words = re.findall(r"the city (\w+)|the word `(\w+)`", messages[-1].content)
    return tuple(
        ToolCall(id=f"call-{place}", name=named[1], arguments={"city": city} if city else {"word": word})
        for place, (city, word) in enumerate(words)
    )
