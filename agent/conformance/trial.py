"""One check's talk with a backend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from agent.conformance.subject import Subject
from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities, Feature, Model

SYSTEM = "You are a careful assistant. Do exactly what you are asked, and write nothing else."
TOKENS = 64
"""Tokens a reply of a check may have; enough for what is asked, and cheap."""


class FailedError(Exception):
    """The backend does not keep what is promised; the message says in one line what it did."""


class NotOfferedError(Exception):
    """The backend does not offer what is checked; the message says what is missing."""


@dataclass(slots=True)
class Trial:
    """What a check is given.

    Attributes:
        subject: what is checked.
        can: what the backend has declared, or found by its probe.
        first: the number of this check's first sample. No two checks share a sample, so that a recording of a
            whole suite can be played back.
    """

    subject: Subject
    can: Capabilities
    first: int

    @property
    def model(self) -> Model:
        """The backend."""
        return self.subject.model

    def needs(self, feature: Feature) -> None:
        """End the check where a feature is not declared.

        Raises:
            NotOfferedError: it is not.
        """
        if not self.can.can(feature):
            raise NotOfferedError(f"`{feature}` is not declared")

    def needs_obedience(self) -> None:
        """End the check where the model cannot be asked for anything.

        Raises:
            NotOfferedError: it cannot.
        """
        if not self.subject.obeys:
            raise NotOfferedError("this model does not do what a message asks of it")

    def asking(self, text: str, system: str = SYSTEM) -> tuple[Message, ...]:
        """Return a conversation that asks for something, or the only one that the backend answers."""
        return self.subject.opening or (
            Message(role="system", content=system),
            Message(role="user", content=text),
        )

    async def ask(
        self, messages: Iterable[Message], tools: Sequence[ToolSpec] = (), *, sample: int = 0, **sampling: Any
    ) -> Reply:
        """Send one request and return its reply, which is one as it should be.

        Args:
            messages: the conversation.
            tools: what may be called; left out where the backend takes no tools.
            sample: the check's own number of the sample.
            sampling: what differs from the defaults of `Sampling`.

        Raises:
            FailedError: what came back is no reply.
        """
        drawn = Sampling(**{"max_tokens": TOKENS, **sampling}, sample=self.first + sample)
        offered = tuple(tools) if self.can.tools else ()
        reply = await self.model.generate(tuple(messages), offered, drawn)
        if not isinstance(reply, Reply):
            raise FailedError(f"`generate` returned a {type(reply).__name__} and no Reply")
        for one in (reply, *reply.others):
            _is_sound(one)
        return reply


def is_answer(reply: Reply) -> None:
    """Check that a reply says or calls something.

    Raises:
        FailedError: it is empty.
    """
    if not (reply.text.strip() or reply.tool_calls or reply.reasoning):
        raise FailedError(f"the reply is empty (finish_reason {reply.finish_reason!r})")


def is_logprob(value: float) -> bool:
    """Whether a number can be a log-probability; servers round, and some say -inf or -9999."""
    return not math.isnan(value) and value <= 1e-3


def shown(text: str) -> str:
    """Return a text as it fits into a line."""
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _is_sound(reply: Reply) -> None:
    ids = [call.id for call in reply.tool_calls]
    if len(set(ids)) < len(ids):
        raise FailedError(f"two tool calls of a reply share an id: {', '.join(ids)}")
    if not all(call.id and call.name for call in reply.tool_calls):
        raise FailedError("a tool call has no id or no name")
    usage = reply.usage
    if min(usage.input, usage.cached_input, usage.output, usage.reasoning) < 0:
        raise FailedError(f"a count of tokens is negative: {usage!r}")
    if usage.cached_input > usage.input:
        raise FailedError(f"{usage.cached_input} tokens of the input were cached, of {usage.input} in all")
    try:
        f"{reply.text}{reply.reasoning}".encode()
    except UnicodeEncodeError as error:
        raise FailedError(f"the text holds half a character at {error.start}") from None
