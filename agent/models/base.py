"""The one method a model backend has, and the errors it may raise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from agent.messages import Message, Reply, Sampling, ToolSpec


class ModelError(RuntimeError):
    """A model call failed; the message says what to do."""


class UnknownModelError(ModelError, LookupError):
    """No backend has that name."""


class ModelUnavailableError(ModelError, ConnectionError):
    """The backend cannot be reached or used now: network, credentials, a missing extra."""


class ContextOverflowError(ModelError, ValueError):
    """The conversation does not fit the model's window; never sent again unchanged."""


class ReplayDivergedError(ModelError, LookupError):
    """A recording has no reply for what was asked."""


@runtime_checkable
class Model(Protocol):
    """A model backend.

    No feature of Mangabey needs more than text in and text out. `native_tools` says whether the backend
    takes tool specifications and returns tool calls; where it does not, the loop speaks a text dialect.
    """

    name: str
    native_tools: bool

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Answer a conversation.

        Args:
            messages: the conversation so far, the system message first.
            tools: what may be called; empty when `native_tools` is False.
            sampling: how to draw the reply.

        Raises:
            ContextOverflowError: the conversation is too long.
            ModelUnavailableError: the backend cannot answer now.
            ModelError: anything else that went wrong.
        """
