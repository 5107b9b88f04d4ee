"""`compatible/NAME`: any server that speaks OpenAI's chat completions.

Such as llama.cpp, SGLang, TGI, Ollama or LM Studio.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities
from agent.models.chat import Deadlines, Endpoint, chat_request
from agent.models.chat.probe import probe_context_length, probe_features
from agent.models.errors import ModelUnavailableError

ASSUMED = Capabilities(seed=True, stop=True)
"""What every such server can do, before it is asked for more."""


class CompatibleModel:
    """A model behind a server's chat completions.

    `probe()` finds out what the server can do beyond `ASSUMED`, with one tiny request for each feature.
    Where it is known already, `declared` says it, and nothing is asked:

        def local():
            return CompatibleModel("qwen@http://127.0.0.1:8080/v1", declared=Capabilities(tools=True))

    in a file of one's own, used as `--model my_models.py:local`.

    Args:
        model: the name that the server knows, with its address as `NAME@URL`; without, OPENAI_BASE_URL says.
        declared: what the server can do.
        deadlines: how long it may be silent.

    Raises:
        ModelUnavailableError: no address is known, or the `openai` SDK is not installed.
    """

    def __init__(
        self, model: str, *, declared: Capabilities | None = None, deadlines: Deadlines | None = None
    ) -> None:
        self._model, address = split_address(model, os.environ.get("OPENAI_BASE_URL", ""))
        self.name = f"compatible/{self._model}"
        self.capabilities = declared or ASSUMED
        self._declared = declared
        if not address:
            raise ModelUnavailableError(
                f"{self.name} has no address: write {self.name}@http://HOST:PORT/v1 or set OPENAI_BASE_URL"
            )
        self._endpoint = Endpoint(self.name, address, os.environ.get("OPENAI_API_KEY", ""), deadlines)

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Return the model's answer; see `Model.generate`."""
        body = chat_request(self._model, messages, tools, sampling, self.capabilities)
        return await self._endpoint.complete(body, sampling)

    async def probe(self) -> Capabilities:
        """Return what the server can do; see `Probing.probe`."""
        if self._declared is None:
            features = await probe_features(self._endpoint, self._model)
            length = await probe_context_length(self._endpoint, self._model)
            found = dict.fromkeys(features, True) | {"context_length": length}
            self.capabilities = ASSUMED.model_copy(update=found)
        return self.capabilities

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._endpoint.close()


def split_address(model: str, default: str) -> tuple[str, str]:
    """Return a model's name and the address of its server, written behind it as `NAME@URL`.

    Names may hold `@` themselves; only one before `http://` or `https://` begins an address.
    """
    for mark in ("@http://", "@https://"):
        name, found, rest = model.partition(mark)
        if found:
            return name, mark[1:] + rest
    return model, default
