"""A client of `vllm serve`, or of a router before several of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities, Feature
from agent.models.chat import Deadlines, Endpoint, chat_request
from agent.models.chat.probe import probe_context_length, probe_tools, tried
from agent.models.compatible import split_address
from agent.models.errors import BadReplyError
from agent.models.vllm.label_tokens import LabelTokens
from agent.models.vllm.metrics import Metrics, read_metrics

ADDRESS = "http://127.0.0.1:8000/v1"

SERVED = Capabilities(
    n=True,
    seed=True,
    stop=True,
    logprobs=True,
    labels=True,
    prompt_logprobs=True,
    response_schema=True,
    prefix_cache=True,
)
"""What every vLLM server can do; tools and priority depend on the flags it was started with."""


class VllmModel:
    """A model that vLLM serves.

    Requests of one `Sampling.session` carry it as the header `X-Session-ID` and as `user`, by which vLLM's
    router (policy `consistent_hash`) and others keep them on one replica. Several replicas are reached
    through such a router; requests are not spread here.

    Args:
        model: the name that the server knows, with its address as `NAME@URL`; without, VLLM_BASE_URL says,
            or else `ADDRESS`. VLLM_API_KEY is the key, where the server wants one.
        declared: what the server can do, where nothing is to be asked.
        deadlines: how long it may be silent.

    Raises:
        ModelUnavailableError: the `openai` SDK is not installed.
    """

    def __init__(
        self, model: str, *, declared: Capabilities | None = None, deadlines: Deadlines | None = None
    ) -> None:
        self._model, address = split_address(model, os.environ.get("VLLM_BASE_URL") or ADDRESS)
        self.name = f"vllm/{self._model}"
        self.capabilities = declared or SERVED
        self._declared = declared
        self._endpoint = Endpoint(self.name, address, os.environ.get("VLLM_API_KEY", ""), deadlines)
        self._label_tokens = LabelTokens(self._endpoint, self._model)

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Return the model's answer; see `Model.generate`.

        A last message of the assistant is the beginning of the reply. Each part tells the usage so far, so
        that a reply that breaks off is charged as it was. With `prompt_logprobs` it comes whole and not as
        a stream, which vLLM refuses then, and the prefix cache is not used.
        """
        body = chat_request(self._model, messages, tools, sampling, self.capabilities)
        body |= await self._extras(sampling)
        if messages and messages[-1].role == "assistant":
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        if "prompt_logprobs" in body:
            del body["stream"], body["stream_options"]
        else:
            body["stream_options"] = {"include_usage": True, "continuous_usage_stats": True}
        headers = {"X-Session-ID": sampling.session} if sampling.session else {}
        return await self._endpoint.complete(body, sampling, headers)

    async def _extras(self, sampling: Sampling) -> dict[str, Any]:
        """Return the fields that vLLM has beyond OpenAI's."""
        extras: dict[str, Any] = {}
        if sampling.session:
            extras["user"] = sampling.session
        if sampling.priority and self.capabilities.priority:
            extras["priority"] = sampling.priority
        if sampling.prompt_logprobs and self.capabilities.prompt_logprobs:
            extras["prompt_logprobs"] = sampling.prompt_logprobs
        if sampling.labels and not sampling.logprobs:
            tokens = await self._label_tokens.of(sampling.labels)
            if tokens:
                extras["logprob_token_ids"] = list(tokens)
        return extras

    async def probe(self) -> Capabilities:
        """Return what the server can do; see `Probing.probe`."""
        if self._declared is None:
            found: list[Feature] = []
            for check in (probe_tools, _priority):
                found.extend(await tried(check(self._endpoint, self._model)))
            length = await probe_context_length(self._endpoint, self._model)
            update = dict.fromkeys(found, True) | {"context_length": length}
            self.capabilities = SERVED.model_copy(update=update)
        return self.capabilities

    async def count_tokens(self, text: str) -> int:
        """Return the tokens of a text by the server's own tokenizer; see `Counting`.

        Raises:
            ModelError: the server cannot tell.
        """
        body = {"model": self._model, "prompt": text, "add_special_tokens": False}
        told = await self._endpoint.post(f"{self._endpoint.root}/tokenize", body)
        try:
            return int(told["count"])
        except (TypeError, KeyError, ValueError):
            raise BadReplyError(f"{self.name} does not tell a number of tokens") from None

    async def metrics(self) -> Metrics:
        """Return the server's counts, prefix-cache hits among them; a router shows its own, or none.

        Raises:
            ModelError: the server does not show them.
        """
        text = await self._endpoint.get(f"{self._endpoint.root}/metrics")
        try:
            return read_metrics(text)
        except ValueError as error:
            raise BadReplyError(f"{self.name} shows no metrics that can be read: {error}") from None

    async def close(self) -> None:
        """Close the connections to the server."""
        await self._endpoint.close()


async def _priority(endpoint: Endpoint, model: str) -> tuple[Feature, ...]:
    """Ask with a priority; without `--scheduling-policy priority` some versions refuse, others ignore it."""
    body = chat_request(model, (Message(role="user", content="hi"),), (), Sampling(max_tokens=1), SERVED)
    await endpoint.complete(body | {"priority": 1}, Sampling())
    return ("priority",)
