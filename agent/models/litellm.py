"""`litellm/...`: every provider LiteLLM knows, and every OpenAI-compatible server (`litellm/openai/NAME`)."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

from agent.messages import Message, Reply, Sampling, ToolSpec, Usage
from agent.models.base import Capabilities
from agent.models.chat import Assembly, Deadlines, Watch, accounted, chat_request, failure, used
from agent.models.chat.failures import without_secrets
from agent.models.chat.usage import read_usage
from agent.models.errors import (
    BadReplyError,
    ConnectionLostError,
    ContentPolicyError,
    ContextOverflowError,
    DeadlineError,
    ModelError,
    ModelUnavailableError,
)

UNKNOWN = Capabilities(tools=True, seed=True, stop=True, logprobs=True, response_schema=True)
"""What is taken for granted of a model that LiteLLM's map does not know."""

_PARAMETERS = ("n", "seed", "stop", "logprobs")
_SECRET = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")


class LiteLLMModel:
    """A model behind `litellm.acompletion`; the provider's environment variables give keys and addresses.

    Args:
        model: `PROVIDER/MODEL` as LiteLLM names it.
        deadlines: how long the provider may be silent.

    Raises:
        ModelUnavailableError: LiteLLM is not installed.
    """

    def __init__(self, model: str, deadlines: Deadlines | None = None) -> None:
        self.name = f"litellm/{model}"
        self._model = model
        self._deadlines = deadlines or Deadlines()
        self._litellm = _import()
        self._info = _info(self._litellm, model)
        self.capabilities = _capabilities(self._litellm, model, self._info)

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Return the model's answer; see `Model.generate`."""
        request = self._request(messages, tools, sampling)
        assembly = Assembly(self.name)
        with accounted(assembly, request, self._price_of):
            async with Watch(self.name, self._deadlines) as watch:
                try:
                    await self._stream(request, assembly, watch)
                except ModelError:
                    raise
                except Exception as error:
                    raise self._typed(error) from None  # what it says may hold the key
            usage = used(assembly, request)
            cost = self._price_of(usage) if usage.estimated else self._price(assembly.usage)
            return assembly.reply(
                sampling, usage=usage, cost=cost, seconds=watch.seconds, first_token=watch.first_token
            )

    async def _stream(self, request: dict[str, Any], assembly: Assembly, watch: Watch) -> None:
        parts = await self._litellm.acompletion(**request)
        if not request["stream"]:
            assembly.add(parts.model_dump())
            watch.token()
            return
        named = _Named.tap(parts)
        try:
            async for part in parts:
                if assembly.add(part.model_dump()):
                    watch.token()
            assembly.add({"model": named.model})
            if getattr(parts, "received_finish_reason", "") is None:  # LiteLLM makes one up
                raise BadReplyError(f"{self.name}: the reply has no end")
        finally:
            await parts.aclose()

    def _request(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> dict[str, Any]:
        import httpx

        request = chat_request(self._model, messages, tools, sampling, self.capabilities)
        if "n" in request:  # LiteLLM tells one end only of several samples in a stream
            request["stream"] = False
            del request["stream_options"]
        if self.capabilities.prefix_cache and _takes_markers(self._model):
            mark_prefix(request["messages"])
        return request | {
            "num_retries": 0,
            "max_retries": 0,
            "timeout": httpx.Timeout(self._deadlines.first_token, connect=self._deadlines.connect),
            "_skip_mcp_handler": True,  # with tools, 1.106.2 otherwise needs the extra `mcp`
        }

    def _typed(self, error: Exception) -> ModelError:
        """Return our error for LiteLLM's, which gives connection failures 500 and time-outs 408."""
        kinds, secrets = self._litellm.exceptions, _secrets()
        broken = _broken(error)
        if broken is not None:
            return broken(f"{self.name}: {without_secrets(str(error), secrets)}")
        line = f"{self.name}: {without_secrets(str(error) or type(error).__name__, secrets)}"
        if isinstance(error, kinds.ContextWindowExceededError):
            return ContextOverflowError(f"{line} (the conversation is too long for this model)")
        if isinstance(error, kinds.ContentPolicyViolationError):
            return ContentPolicyError(f"{line} (the provider's content policy refuses this conversation)")
        if isinstance(error, kinds.Timeout):
            return DeadlineError(f"{line} (the provider was silent for too long)")
        status = getattr(error, "status_code", None)
        status = status if isinstance(status, int) else 500
        return failure(self.name, status, _body(error), _headers(error), secrets)

    def _price(self, told: object) -> float | None:
        """Return the dollars of a call by LiteLLM's price map, None where it has no price."""
        usage = read_usage(told)
        try:
            response = self._litellm.ModelResponse(
                model=self._model, usage=self._litellm.Usage(**_mapping(told))
            )
            cost = float(self._litellm.completion_cost(completion_response=response, model=self._model))
        except Exception:
            return None
        return cost if cost or not (usage.input or usage.output) else self._free()

    def _price_of(self, usage: Usage) -> float | None:
        """Return the dollars of what a broken reply used."""
        return self._price(
            {
                "prompt_tokens": usage.input,
                "completion_tokens": usage.output,
                "total_tokens": usage.input + usage.output,
                "prompt_tokens_details": {"cached_tokens": usage.cached_input},
            }
        )

    def _free(self) -> float | None:
        """Return 0 where the map says that the model costs nothing, None where it knows no price."""
        return 0.0 if self._info.get("input_cost_per_token") is not None else None


class _Named:
    """Listens to a provider's stream for the model's identity, where LiteLLM puts the name asked for."""

    def __init__(self, stream: Any) -> None:
        self.model = ""
        self._stream = stream

    @classmethod
    def tap(cls, parts: Any) -> _Named:
        """Return a listener between LiteLLM and the provider's stream."""
        named = cls(parts.completion_stream)
        if hasattr(parts.completion_stream, "__anext__"):
            parts.completion_stream = named
        return named

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        part = await self._stream.__anext__()
        self.model = self.model or getattr(part, "model", None) or ""
        return part

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def mark_prefix(messages: list[dict[str, Any]]) -> None:
    """Mark the system message and the last message as ends of prefixes that are worth keeping.

    A conversation only grows, so the next request begins with all of this one.
    """
    for message in {id(message): message for message in (messages[0], messages[-1])}.values():
        if message.get("content"):
            text = {"type": "text", "text": message["content"], "cache_control": {"type": "ephemeral"}}
            message["content"] = [text]


def _takes_markers(model: str) -> bool:
    """Whether caching is by markers; other providers cache by themselves, or bill for what is kept."""
    return "claude" in model.lower() or model.startswith("anthropic/")


def _info(litellm: Any, model: str) -> Mapping[str, Any]:
    """Return what LiteLLM's own map says of a model; empty where it is not in it."""
    try:
        return dict(litellm.get_model_info(model))
    except Exception:
        return {}


def _capabilities(litellm: Any, model: str, info: Mapping[str, Any]) -> Capabilities:
    """Return what a model can do, by the maps that come with LiteLLM."""
    if not info.get("max_input_tokens"):
        return UNKNOWN
    parameters = set(litellm.get_supported_openai_params(model) or ())
    features: dict[str, Any] = {name: name in parameters for name in _PARAMETERS}
    return Capabilities(
        **features,
        labels="logprobs" in parameters and "top_logprobs" in parameters,
        tools=bool(info.get("supports_function_calling")),
        response_schema=bool(info.get("supports_response_schema")),
        prefix_cache=bool(info.get("supports_prompt_caching")),
        context_length=info["max_input_tokens"],
    )


def _import() -> Any:
    """Import LiteLLM without its look-ups in the network.

    Raises:
        ModelUnavailableError: it is not installed.
    """
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside of it are no user's business
            import litellm
            import litellm.main  # else the first call imports it
    except ImportError as error:
        raise ModelUnavailableError(
            f'litellm is not usable ({without_secrets(str(error))}): pip install "mangabey[litellm]"'
        ) from error
    warnings.filterwarnings("ignore", "Accessing the 'model_(computed_)?fields' attribute")
    # LiteLLM leaves a coroutine unawaited when a call is cancelled early
    warnings.filterwarnings("ignore", "coroutine '.*(acompletion|async_streaming)' was never awaited")
    warnings.filterwarnings("ignore", "Item '.*' on TypedDict class '.*' is using the `ReadOnly` qualifier")
    litellm.suppress_debug_info = True
    litellm.drop_params = True  # a provider without seeds still samples
    litellm.disable_aiohttp_transport = True  # httpx alone, which leaves no session open
    return litellm


def _secrets() -> tuple[str, ...]:
    """Return the values of the environment that look like keys by their names."""
    return tuple(
        value for name, value in os.environ.items() if name.upper().endswith(_SECRET) and len(value) >= 8
    )


def _broken(error: BaseException) -> type[ModelError] | None:
    """Return what a failure is that began below LiteLLM, on the way or in the reading; None for others."""
    import httpx

    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        if isinstance(link, httpx.TimeoutException):
            return DeadlineError
        if isinstance(link, httpx.TransportError):
            return ConnectionLostError
        if isinstance(link, json.JSONDecodeError):
            return BadReplyError
        link = getattr(link, "original_exception", None) or link.__cause__ or link.__context__
    return None


def _body(error: Exception) -> dict[str, Any]:
    return {"message": str(error), "code": getattr(error, "code", None), "type": getattr(error, "type", None)}


def _headers(error: Exception) -> Mapping[str, str]:
    response = getattr(error, "response", None)
    headers = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", None)
    return headers or {}


def _mapping(told: object) -> dict[str, Any]:
    return dict(told) if isinstance(told, Mapping) else {}
