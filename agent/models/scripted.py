"""A model that plays a given list of replies: for tests, examples and trying out a loop."""

from __future__ import annotations

from collections.abc import Sequence

from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities
from agent.models.errors import ModelError


class ScriptedModel:
    """Plays replies in order; an exception in the list is raised in its place.

    Attributes:
        requests: the conversations it was asked to answer, in order.
    """

    name = "scripted"

    def __init__(self, replies: Sequence[Reply | BaseException], *, native_tools: bool = True) -> None:
        self.capabilities = Capabilities(tools=native_tools)
        self.requests: list[tuple[Message, ...]] = []
        self._replies = list(replies)

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Return the next reply.

        Raises:
            ModelError: the script is at its end.
        """
        self.requests.append(tuple(messages))
        if len(self.requests) > len(self._replies):
            raise ModelError(f"the script has {len(self._replies)} replies and was asked for one more")
        reply = self._replies[len(self.requests) - 1]
        if isinstance(reply, BaseException):
            raise reply
        return reply
