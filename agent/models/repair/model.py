"""The repair engine behind the same protocol as a language model."""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from agent.messages import Message, Reply, Sampling, ToolCall, ToolSpec
from agent.models.base import Capabilities
from agent.models.errors import ModelError
from agent.models.repair.progress import Limits, Problem, Step, Steps
from agent.models.repair.search import search

_LIVE = 32
"""Searches kept between calls; any other is made again from its conversation."""
_WHOLE = 1_000_000_000
"""Tokens of its context: a search is led again from its conversation, of which nothing may be missing."""
_EXAMPLE = """\
`area` of a rectangle is wrong

```python
>>> from shapes import area
>>> area(2, 3)
5
```

Expected: 6.
"""


class RepairModel:
    """A classical generate-and-validate search that answers with tool calls; no language model.

    `generate` depends on its arguments only: the search is rebuilt from the conversation whenever this
    object does not hold it any more, and a recorded conversation goes on exactly where it ended.

    Args:
        limits: what one trajectory may use.
    """

    name = "builtin/repair"
    capabilities = Capabilities(tools=True, seed=True, context_length=_WHOLE)

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._live: OrderedDict[str, Steps] = OrderedDict()
        self._lock = Lock()

    def example(self) -> tuple[Message, ...]:
        """Return how a conversation that this engine answers begins."""
        return (
            Message(role="system", content="Solve the issue."),
            Message(
                role="user", content=f"<issue>\n{_EXAMPLE}</issue>\n<tests>\npython -m pytest\n</tests>\n"
            ),
        )

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Answer with the search's next step.

        Raises:
            ModelError: the conversation holds no issue, has ended, or is not one this engine led.
        """
        return await asyncio.to_thread(self._answer, tuple(messages), sampling)

    def _answer(self, messages: tuple[Message, ...], sampling: Sampling) -> Reply:
        began = time.monotonic()
        told = [index for index, message in enumerate(messages) if message.role == "assistant"]
        last = told[-1] if told else None
        try:
            if last is None:
                steps = self._start(messages, sampling)
                step = next(steps)
            else:
                steps = self._take(_key(messages[: last + 1], sampling)) or self._replay(
                    messages[: last + 1], told, sampling
                )
                step = steps.send(_observations(messages, last))
        except StopIteration:
            raise ModelError("The search has ended; nothing follows its last step.") from None
        reply = _reply(step, len(told), time.monotonic() - began)
        self._keep(_key((*messages, reply.as_message()), sampling), steps)
        return reply

    def _start(self, messages: Sequence[Message], sampling: Sampling) -> Steps:
        problem = read_problem(messages, temperature=_temperature(sampling))
        rng = random.Random(f"{sampling.seed}:{sampling.sample}")
        return search(problem, rng, self._limits)

    def _replay(self, messages: Sequence[Message], told: Sequence[int], sampling: Sampling) -> Steps:
        """Lead the recorded conversation again, up to its last reply."""
        steps = self._start(messages[: told[0]], sampling)
        step = next(steps)
        for turn, index in enumerate(told):
            recorded = [(call.name, call.arguments) for call in messages[index].tool_calls]
            if recorded != [(name, dict(arguments)) for name, arguments in step.calls]:
                raise ModelError(
                    f"Reply {turn + 1} of this conversation is not what {self.name} says there: "
                    "it was led by another model, version or seed; start the trajectory anew."
                )
            if index != told[-1]:
                step = steps.send(_observations(messages, index))
        return steps

    def _take(self, key: str) -> Steps | None:
        with self._lock:
            return self._live.pop(key, None)

    def _keep(self, key: str, steps: Steps) -> None:
        with self._lock:
            self._live[key] = steps
            while len(self._live) > _LIVE:
                self._live.popitem(last=False)


def read_problem(messages: Sequence[Message], temperature: float) -> Problem:
    """Read issue, test command and context from the first user message.

    Raises:
        ModelError: they are not there.
    """
    opening = next((message.content for message in messages if message.role == "user"), "")
    parts = {tag: _part(opening, tag) for tag in ("issue", "tests", "context")}
    if parts["issue"] is None or parts["tests"] is None:
        raise ModelError(
            "builtin/repair answers only to an agent's opening message with <issue> and <tests>; "
            "use a language model for anything else."
        )
    context = tuple(line for line in (parts["context"] or "").splitlines() if line.strip())
    return Problem(parts["issue"], parts["tests"].strip(), context, temperature)


def _part(text: str, tag: str) -> str | None:
    match = re.search(rf"^<{tag}>\n(.*?)^</{tag}>", text, re.DOTALL | re.MULTILINE)
    return match[1] if match else None


def _temperature(sampling: Sampling) -> float:
    """Return how much a sample strays from best first: the first not at all, later ones more."""
    return min(0.9, 0.15 + 0.05 * sampling.sample) if sampling.sample else 0.0


def _observations(messages: Sequence[Message], index: int) -> list[str]:
    """Return what the calls of a reply returned, in the order of the calls.

    Raises:
        ModelError: an answer is missing.
    """
    answers: dict[str | None, str] = {}
    for message in messages[index + 1 :]:
        if message.role == "assistant":
            break
        if message.role == "tool":
            answers[message.tool_call_id] = message.content
    calls = messages[index].tool_calls
    if any(call.id not in answers for call in calls):
        raise ModelError(
            "A tool call of this conversation has no answer; builtin/repair cannot go on from there."
        )
    return [answers[call.id] for call in calls]


def _reply(step: Step, turn: int, seconds: float) -> Reply:
    calls = tuple(
        ToolCall(id=f"repair-{turn}-{number}", name=name, arguments=dict(arguments))
        for number, (name, arguments) in enumerate(step.calls)
    )
    return Reply(
        text=step.text,
        tool_calls=calls,
        finish_reason="tool_calls",
        cost=0.0,
        model=RepairModel.name,
        seconds=seconds,
    )


def _key(messages: Sequence[Message], sampling: Sampling) -> str:
    digest = hashlib.sha256(f"{sampling.seed}:{sampling.sample}".encode())
    for message in messages:
        digest.update(message.model_dump_json().encode())
    return digest.hexdigest()
