"""What stands around every model call: capabilities, the context's length, deadlines, and sending again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities, Feature, Model, Probing
from agent.models.closing import close
from agent.models.counting import Counter
from agent.models.errors import ContextOverflowError, ModelError
from agent.models.keys import data_without_keys, known_keys
from agent.models.pace import Pace
from agent.models.retries import Patience, send_until_answered
from agent.models.tokenization import tokenizer_of
from agent.tape import request_key

ROOM = 1024
"""Tokens that must be left for a reply, where as many are asked for."""


def _nobody(line: str) -> None:
    """Say nothing."""


class Caller:
    """A backend with what every backend needs around it; a `Model` itself.

    A request is sent again after failures that pass, within the bounds of `patience`; every sending that
    failed is an `Attempt` on the reply or the error. Errors are `ModelError`s in one line without keys.

    Args:
        backend: sends one request and never tries again.
        patience: what one call may take.
        say: told in one line what a person should know.
        pace: says when a request may be sent; None for at once.
    """

    def __init__(
        self,
        backend: Model,
        patience: Patience | None = None,
        say: Callable[[str], None] = _nobody,
        pace: Pace | None = None,
    ) -> None:
        self.backend = backend
        self.name = backend.name
        self._patience = patience or Patience()
        self._say = say
        self._pace = pace
        self._known: Capabilities | None = None if isinstance(backend, Probing) else backend.capabilities
        self._probing = asyncio.Lock()
        self._counter: Counter | None = None
        self._overflowed: set[str] = set()

    @property
    def capabilities(self) -> Capabilities:
        """What the backend declares, or what it was found to do once it was probed."""
        return self._known or Capabilities()

    def can(self, feature: Feature) -> bool:
        """Return whether the backend has a feature, as far as it is known by now."""
        return self.capabilities.can(feature)

    async def probe(self) -> Capabilities:
        """Return what the backend can do, asking it at the first call.

        A backend that cannot be asked is taken for one of text in and text out, and that is said.
        """
        async with self._probing:
            if self._known is None:
                assert isinstance(self.backend, Probing)
                try:
                    self._known = (
                        await send_until_answered(self.backend.probe, self.name, self._patience, self._pace)
                    )[0]
                except ModelError as error:
                    self._known = Capabilities()
                    self._say(f"{self.name} cannot tell what it can do, so it gets plain text only: {error}")
        return self._known

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Answer a conversation, however often it must be sent.

        Raises:
            ContextOverflowError: the conversation is too long; nothing is sent where that is sure.
            ModelError: what the last sending met, with all attempts.
        """
        await self.probe()
        fitting = await self._fitted(messages, tools, sampling)

        async def send() -> Reply:
            began = time.monotonic()
            reply = await self.backend.generate(messages, tools, fitting)
            if not isinstance(reply, Reply):
                raise ModelError(f"{self.name} returned a {type(reply).__name__}, which is no Reply")
            return reply.model_copy(update={"seconds": reply.seconds or time.monotonic() - began})

        try:
            reply, attempts = await send_until_answered(send, self.name, self._patience, self._pace)
        except ContextOverflowError:
            self._overflowed.add(request_key(messages, tools, sampling))
            raise
        if self._counter is not None and not reply.usage.estimated:
            self._counter.learn(messages, tools, reply.usage.input)
        return _without_keys(reply.model_copy(update={"attempts": (*attempts, *reply.attempts)}))

    async def close(self) -> None:
        """Let go of the backend's connections."""
        await close(self.backend)

    async def _fitted(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Sampling:
        """Return the sampling with a reply no longer than what the context has left.

        Where only an estimate says that the conversation is too long, the server is left to say so: it costs
        nothing, and a conversation that fits is not lost to a bound that is three times the truth.

        Raises:
            ContextOverflowError: it is too long for sure, or was when it was sent before.
        """
        if self._overflowed and request_key(messages, tools, sampling) in self._overflowed:
            raise ContextOverflowError(f"{self.name}: this very conversation was too long before")
        length = self.capabilities.context_length
        if length is None:
            return sampling
        if self._counter is None:
            tokenize = await asyncio.to_thread(tokenizer_of, self.name)
            self._counter = Counter(self.backend, tokenize)
        count = await self._counter.count(messages, tools)
        room = min(sampling.max_tokens, ROOM)
        if count.least + room > length:
            raise ContextOverflowError(
                f"{self.name}: the conversation has {count.least} tokens or more, and {room} are needed for "
                f"a reply, of {length} in all"
            )
        left = max(room, length - count.most)
        return sampling if left >= sampling.max_tokens else sampling.model_copy(update={"max_tokens": left})


def _without_keys(reply: Reply) -> Reply:
    """Return a reply without any key that the server may have put into it."""
    if not known_keys():
        return reply
    data = reply.model_dump(mode="json")
    clean = data_without_keys(data)
    return reply if clean is data else Reply.model_validate(clean)
