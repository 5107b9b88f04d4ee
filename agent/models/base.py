"""The one method a model backend has, and what it can say about itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from agent.messages import Message, Reply, Sampling, ToolSpec, Value

Feature = Literal[
    "tools",
    "n",
    "seed",
    "stop",
    "logprobs",
    "labels",
    "prompt_logprobs",
    "response_schema",
    "priority",
    "prefix_cache",
]


class Capabilities(Value):
    """What a backend can do beyond text in and text out; the rest of Mangabey asks this and never the name.

    `tools`: takes tool specifications and returns tool calls (else the loop speaks a text dialect).
    `n`: several samples in one request. `labels`: log-probabilities of given continuations
    (`Sampling.labels`). `prefix_cache`: prompts that begin alike are cheaper, and the usage or the server's
    metrics tell by how much. `context_length`: tokens of prompt and reply together, None when not known.
    """

    tools: bool = False
    n: bool = False
    seed: bool = False
    stop: bool = False
    logprobs: bool = False
    labels: bool = False
    prompt_logprobs: bool = False
    response_schema: bool = False
    priority: bool = False
    prefix_cache: bool = False
    context_length: int | None = None

    def can(self, feature: Feature) -> bool:
        """Return whether the backend has a feature."""
        return bool(getattr(self, feature))


@runtime_checkable
class Model(Protocol):
    """A model backend.

    No feature of Mangabey needs more than text in and text out: `Capabilities()` is enough.
    """

    name: str

    @property
    def capabilities(self) -> Capabilities:
        """What the backend can do; a class attribute will do."""

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Answer a conversation, with one request and without trying again.

        Cancelling it ends the request at the server.

        Args:
            messages: the conversation so far, the system message first.
            tools: what may be called; empty where `capabilities.tools` is False.
            sampling: how to draw the reply; what the backend cannot do is left out.

        Raises:
            ContextOverflowError: the conversation is too long.
            ModelError: anything else that went wrong, by its class in `agent.models.errors`; any other
                exception counts as a `ModelError` that does not pass.
        """


@runtime_checkable
class Probing(Protocol):
    """A backend that finds out at its first use what it can do."""

    async def probe(self) -> Capabilities:
        """Return what the server can do, by asking it.

        Raises:
            ModelError: the server cannot be asked.
        """
