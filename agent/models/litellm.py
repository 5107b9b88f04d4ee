"""`litellm/...`: every provider LiteLLM knows, and every OpenAI-compatible server (`litellm/openai/NAME`)."""

from __future__ import annotations

import asyncio
import json
import os
import random
import time
import warnings
from collections.abc import Sequence
from typing import Any

from agent.arguments import MALFORMED
from agent.messages import Message, Reply, Sampling, ToolCall, ToolSpec, Usage
from agent.models.base import Capabilities
from agent.models.errors import (
    AuthenticationError,
    ContextOverflowError,
    ModelError,
    ModelUnavailableError,
)

ATTEMPTS = 6
"""Times a request is sent, when only the server or the way to it fails."""
FIRST_DELAY = 1.0
LONGEST_DELAY = 60.0
"""Seconds between attempts: doubled each time, drawn anew between half and whole, or as the server asks."""
TIMEOUT = 600.0
"""Seconds one attempt may take."""


class LiteLLMModel:
    """A model behind `litellm.acompletion`; the provider's environment variables give keys and addresses."""

    capabilities = Capabilities(tools=True, seed=True, stop=True, logprobs=True, response_schema=True)

    def __init__(self, model: str) -> None:
        self.name = f"litellm/{model}"
        self._model = model
        self._litellm = _import()

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Return the model's answer; see `Model.generate`."""
        started = time.monotonic()
        response = await self._send(_request(self._model, messages, tools, sampling))
        try:
            return _reply(response, self._price(response), time.monotonic() - started)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise ModelError(
                f"{self.name} answered with something that is no chat completion: {_line(error)}"
            ) from error

    async def _send(self, request: dict[str, Any]) -> Any:
        """Send a request, again and again while only the server or the way to it fails."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._litellm.acompletion(**request)
            except Exception as error:
                problem = self._translated(error)
                if not _is_passing(error) or attempt == ATTEMPTS:
                    raise problem from error
                await asyncio.sleep(_delay(attempt, error))
        raise AssertionError("unreachable")

    def _translated(self, error: Exception) -> ModelError:
        """Return our error, in one line that says what to do."""
        line = f"{self.name}: {_line(error)}"
        status = _status(error)
        too_long = isinstance(error, self._litellm.exceptions.ContextWindowExceededError)
        if too_long or _says_too_long(str(error)):
            return ContextOverflowError(f"{line} (the conversation is too long for this model)")
        if status in (401, 403):
            return AuthenticationError(f"{line} (set the provider's key, for instance OPENAI_API_KEY)")
        if status == 404:
            return ModelUnavailableError(f"{line} (check the model's name)")
        if _is_spent(error):
            return ModelUnavailableError(f"{line} (the account's quota is used up)")
        if _is_passing(error):
            return ModelUnavailableError(f"{line} (the provider cannot answer now; try again later)")
        return ModelError(line)

    def _price(self, response: Any) -> float | None:
        """Return the dollars of a call by LiteLLM's price map, None where it has no price."""
        try:
            return float(self._litellm.completion_cost(completion_response=response, model=self._model))
        except Exception:
            return None


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
            f'litellm is not usable ({_line(error)}): pip install "mangabey[litellm]"'
        ) from error
    warnings.filterwarnings("ignore", "Item '.*' on TypedDict class '.*' is using the `ReadOnly` qualifier")
    # a call that is cancelled while a thread of LiteLLM's prepares it leaves what was prepared behind
    warnings.filterwarnings("ignore", "coroutine '.*acompletion' was never awaited")
    litellm.suppress_debug_info = True
    litellm.drop_params = True  # a provider without seeds still samples
    litellm.disable_aiohttp_transport = True  # httpx alone, which leaves no session open
    return litellm


def _request(
    model: str, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in messages],
        "temperature": sampling.temperature,
        "max_tokens": sampling.max_tokens,
        "num_retries": 0,
        "max_retries": 0,
        "timeout": TIMEOUT,
        "_skip_mcp_handler": True,  # with tools, 1.106.2 otherwise needs the extra `mcp`
    }
    if tools:
        request["tools"] = [{"type": "function", "function": tool.model_dump()} for tool in tools]
    if sampling.top_p != 1.0:
        request["top_p"] = sampling.top_p
    if sampling.temperature > 0:
        # samples of one seed must still differ from each other
        request["seed"] = sampling.seed + sampling.sample
    if sampling.stop:
        request["stop"] = list(sampling.stop)
    if sampling.logprobs:
        request |= {"logprobs": True, "top_logprobs": sampling.logprobs}
    if sampling.response_schema is not None:
        schema = {"name": "reply", "schema": sampling.response_schema, "strict": True}
        request["response_format"] = {"type": "json_schema", "json_schema": schema}
    return request


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {
            "role": "tool",
            "content": message.content or "(nothing)",
            "tool_call_id": message.tool_call_id,
        }
    if not message.tool_calls:
        return {"role": message.role, "content": message.content or "(nothing)"}  # many refuse an empty one
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
        }
        for call in message.tool_calls
    ]
    return {"role": message.role, "content": message.content or None, "tool_calls": calls}


def _reply(response: Any, cost: float | None, seconds: float) -> Reply:
    choice = response.choices[0]
    message = choice.message
    calls = tuple(_call(call, place) for place, call in enumerate(message.tool_calls or ()))
    reason = choice.finish_reason
    if reason not in ("length", "content_filter"):
        reason = "tool_calls" if calls else "stop"
    return Reply(
        text=message.content or "",
        reasoning=getattr(message, "reasoning_content", None) or "",
        tool_calls=calls,
        finish_reason=reason,
        usage=_usage(getattr(response, "usage", None)),
        cost=cost,
        logprobs=_logprobs(getattr(choice, "logprobs", None)),
        model=response.model or "",
        seconds=seconds,
    )


def _call(call: Any, place: int) -> ToolCall:
    """Return a tool call; arguments that are no JSON object become a problem for the loop to answer."""
    raw = call.function.arguments
    arguments: Any
    try:
        arguments = raw if isinstance(raw, dict) else json.loads(raw or "{}", strict=False)
        if not isinstance(arguments, dict):
            arguments = {
                MALFORMED: f"The arguments are not a JSON object but {type(arguments).__name__}: {raw[:300]}"
            }
    except ValueError as error:
        around = raw[max(0, getattr(error, "pos", 0) - 60) : getattr(error, "pos", 0) + 60]
        arguments = {MALFORMED: f"The arguments are no valid JSON: {error}, near {around!r}"}
    return ToolCall(id=call.id or f"call-{place}", name=call.function.name or "", arguments=arguments)


def _usage(usage: Any) -> Usage:
    if usage is None:
        return Usage()
    return Usage(
        input=usage.prompt_tokens or 0,
        cached_input=getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None) or 0,
        output=usage.completion_tokens or 0,
        reasoning=getattr(getattr(usage, "completion_tokens_details", None), "reasoning_tokens", None) or 0,
    )


def _logprobs(logprobs: Any) -> tuple[dict[str, float], ...]:
    tokens = getattr(logprobs, "content", None) or ()
    return tuple({top.token: top.logprob for top in token.top_logprobs or [token]} for token in tokens)


def _status(error: Exception) -> int:
    """Return the HTTP status of a failure; LiteLLM gives connection failures 500 and time-outs 408."""
    status = getattr(error, "status_code", 0)
    return status if isinstance(status, int) else 0


def _is_passing(error: Exception) -> bool:
    """Whether the same request may succeed a little later."""
    status = _status(error)
    return (status in (408, 429) or status >= 500) and not _is_spent(error)


def _is_spent(error: Exception) -> bool:
    return "insufficient_quota" in str(error) or "exceeded your current quota" in str(error)


def _says_too_long(text: str) -> bool:
    lowered = text.lower()
    return any(
        sign in lowered
        for sign in ("maximum context length", "context_length_exceeded", "prompt is too long")
    )


def _delay(attempt: int, error: Exception) -> float:
    """Return the seconds to the next attempt: what the server asks, else doubled each time, with jitter."""
    response = getattr(error, "response", None)
    headers = getattr(error, "litellm_response_headers", None) or getattr(response, "headers", {})
    try:
        asked = float(headers.get("retry-after", ""))
    except ValueError:
        delay: float = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** (attempt - 1))
        return delay * random.uniform(0.5, 1.0)
    return min(max(asked, 0.0), LONGEST_DELAY)


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 500 else text[:500] + "..."
