"""Asking a model many short questions: each recorded, asked again where unreadable, bounded in number."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol, TypeVar

from agent.budget import Answered, Call, Common, SpentError
from agent.condense import size_of
from agent.messages import Attempt, Message, Reply, Sampling, Usage
from agent.models.base import Model
from agent.models.errors import ModelError
from agent.tape import request_key

AT_ONCE = 64
"""Requests at one time: enough to keep a served model busy."""
TRIES = 3
"""Replies to one question before it is given up."""
AGAIN = 0.7
"""Temperature of all replies to a question but the first."""
IN_A_ROW = 12
"""Questions given up, or calls lost, one after the other before no more are made."""
_QUOTED = 2000
"""Characters of an unreadable reply that are sent back."""

T = TypeVar("T")


class Replies(Protocol):
    """The record of replies, by what was asked; one is durable before it is used."""

    def get(self, key: str) -> Reply | None:
        """Return a recorded reply."""

    async def put(self, key: str, reply: Reply) -> None:
        """Record a reply."""

    async def put_failure(self, key: str, attempts: Sequence[Attempt], message: str) -> None:
        """Record a call that gave no reply: its sendings, and what was said last."""


class MemoryReplies:
    """A record that forgets with the process."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.failures: list[str] = []

    def get(self, key: str) -> Reply | None:
        """See `Replies.get`."""
        return self.replies.get(key)

    async def put(self, key: str, reply: Reply) -> None:
        """See `Replies.put`."""
        self.replies[key] = reply

    async def put_failure(self, key: str, attempts: Sequence[Attempt], message: str) -> None:
        """See `Replies.put_failure`."""
        self.failures.append(message)


class UnreadableError(ValueError):
    """A reply is not of the form that was asked for; the message tells the model what is wrong."""


class Asker:
    """A model that answers questions with text of a given form.

    Args:
        model: the backend.
        replies: the record, in which a question that was asked before has its reply.
        session: what the questions share; see `Sampling.session`.
        at_once: requests at one time.
        common: the budget that the questions share with others; once it is used up, none is sent.
    """

    def __init__(
        self,
        model: Model,
        replies: Replies,
        session: str = "",
        at_once: int = AT_ONCE,
        common: Common | None = None,
    ) -> None:
        self.model = model
        self.session = session
        self.trouble = ""
        """What went wrong last, for a person."""
        self._replies = replies
        self._gate = asyncio.Semaphore(at_once)
        self._common = common
        self._given_up = 0
        self._lost = 0

    @property
    def useless(self) -> bool:
        """Whether so many questions in a row came to nothing that asking on is a waste."""
        return self._given_up >= IN_A_ROW

    async def ask(
        self, messages: Sequence[Message], sampling: Sampling, read: Callable[[str], T]
    ) -> T | None:
        """Return what `read` makes of a reply, None where there is none that can be read.

        An unreadable reply is sent back with the reason, twice at most.
        """
        if self.useless:
            return None
        told = list(messages)
        for number in range(TRIES):
            if number:  # the same question at temperature 0 would have the same reply
                sampling = sampling.model_copy(update={"seed": number, "temperature": AGAIN})
            reply = await self.reply(told, sampling)
            if reply is None:
                break
            try:
                answer = read(reply.text)
            except UnreadableError as error:
                self.trouble = f"{self.model.name} gave an unreadable reply: {error}"
                told = [*messages, *_sent_back(reply, error)]
                if reply.finish_reason == "length":
                    sampling = sampling.model_copy(update={"max_tokens": 2 * sampling.max_tokens})
            else:
                self._given_up = 0
                return answer
        self._given_up += 1
        return None

    async def reply(self, messages: Sequence[Message], sampling: Sampling, about: str = "") -> Reply | None:
        """Return the reply to one request, None where the call gives none; `trouble` then says why.

        Args:
            messages: the conversation.
            sampling: how to draw the reply.
            about: what is asked about, part of the request's identity: the record then tells requests apart
                that differ only in what counts as noise.
        """
        sampling = sampling.model_copy(update={"session": self.session})
        key = await asyncio.to_thread(request_key, messages, (), sampling)
        key = " ".join(part for part in (self.model.name, about, key) if part)
        if recorded := self._replies.get(key):
            return recorded
        async with self._gate:
            if self._lost >= IN_A_ROW:
                return None
            if self._common is not None and (over := self._common.exceeded()):
                self.trouble = over[1]
                return None
            try:
                async with self._set_aside(messages, sampling) as answered:
                    if reply := await self._sent(key, messages, sampling):
                        answered(reply.cost, reply.usage)
                    return reply
            except SpentError as error:
                self.trouble = error.words
                return None

    async def _sent(self, key: str, messages: Sequence[Message], sampling: Sampling) -> Reply | None:
        """Return the reply to one request; it is recorded, or the failure is."""
        try:
            reply = await self.model.generate(messages, (), sampling)
        except ModelError as error:
            self.trouble = str(error)
            self._lost += 1
            await self._replies.put_failure(key, getattr(error, "attempts", ()), str(error))
            return None
        self._lost = 0
        await self._replies.put(key, reply)
        return reply

    def _set_aside(
        self, messages: Sequence[Message], sampling: Sampling
    ) -> AbstractAsyncContextManager[Answered]:
        """Hold what a call may cost until its reply is recorded: calls side by side do not overshoot."""
        if self._common is None:
            return nullcontext(_nobody)
        call = Call(self.model.name, size_of(messages), sampling.max_tokens * sampling.n)
        return self._common.reserved(call)


def _nobody(dollars: float | None, usage: Usage) -> None:
    """Learn nothing."""


def _sent_back(reply: Reply, error: UnreadableError) -> tuple[Message, Message]:
    said = reply.text if len(reply.text) <= _QUOTED else f"{reply.text[:_QUOTED]} [...]"
    return (
        Message(role="assistant", content=said or "(nothing)"),
        Message(role="user", content=f"That cannot be read: {error}. Reply with the JSON object only."),
    )
