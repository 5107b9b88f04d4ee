"""What a server's refusal means: its status and body as one of the classes in `agent.models.errors`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

from agent.models.errors import (
    AuthenticationError,
    BadRequestError,
    ContentPolicyError,
    ContextOverflowError,
    ModelError,
    ModelUnavailableError,
    QuotaSpentError,
    RateLimitedError,
    ServerFailedError,
)

SHOWN = 500
"""Characters of a server's words that are shown."""

_OVERFLOW_CODES = {
    "context_length_exceeded",  # OpenAI and many after it
    "exceed_context_size_error",  # llama.cpp
    "request_too_large",  # Anthropic
    "string_above_max_length",
}
_OVERFLOW = re.compile(
    r"maximum context length|max(?:imum)? model length"  # OpenAI, vLLM
    r"|model's (?:maximum )?context length"  # SGLang
    r"|context length is only|exceeds? (?:the )?(?:model's )?(?:maximum )?context"  # vLLM, LM Studio, Ollama
    r"|prompt is too long|exceed context limit"  # Anthropic
    r"|available context size|context size has been exceeded"  # llama.cpp
    r"|`inputs` tokens \+ `max_new_tokens` must be|`inputs` must have less than"  # TGI
    r"|prompt too long|exceeded max context length|greater than the context length|when context the overflows"
    r"|input token count.{0,40}exceeds the maximum|input is too long for"  # Gemini, Bedrock
    r"|reduce the length of the (?:messages|input|prompt)",
    re.IGNORECASE,
)
_POLICY_CODES = {
    "content_filter",
    "content_policy_violation",
    "responsibleaipolicyviolation",
    "moderation_blocked",
    "invalid_prompt",
}
_POLICY = re.compile(
    r"content management policy|content[- ]policy|content filter(?:ing)?|safety system|usage polic(?:y|ies)"
    r"|flagged (?:as|for|by)|input was flagged|violat\w+ .{0,60}polic(?:y|ies)",
    re.IGNORECASE,
)
_SPENT_CODES = {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "credits_exhausted"}
_SPENT = re.compile(
    r"exceeded your current quota|credit balance is too low|insufficient (?:balance|credits?|funds|quota)"
    r"|billing hard limit|out of credits",
    re.IGNORECASE,
)
_COMES_BACK = re.compile(r"retry in|try again in|per[ -]?minute|per[ -]?day", re.IGNORECASE)
_KEY_LIKE = re.compile(r"\b(?:sk|pk|gsk|hf|xai|AIza)[-_][\w-]{8,}|(?<=Bearer )\S+")
_TYPES = {
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "invalid_request_error": 400,
    "badrequesterror": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "insufficient_quota": 429,
}


def failure(
    name: str, status: int, body: Any, headers: Mapping[str, str], secrets: Sequence[str] = ()
) -> ModelError:
    """Return the error that a refusal is.

    Args:
        name: the backend, named at the start of the message.
        status: of the HTTP response.
        body: of the HTTP response, parsed where it is JSON.
        headers: of the HTTP response; Retry-After is read.
        secrets: texts that must not be in the message.
    """
    text = _text(body)
    codes = set(_codes(body))
    line = f"{name}: {status} {without_secrets(text, secrets)}".rstrip()
    kind, advice = _kind(status, text, codes)
    return kind(f"{line} ({advice})" if advice else line, retry_after=retry_after(headers))


def stream_failure(name: str, body: Any, secrets: Sequence[str] = ()) -> ModelError:
    """Return the error that a server tells inside a stream, which has begun with status 200."""
    codes = set(_codes(body))
    known = [_TYPES[code] for code in codes if code in _TYPES]
    numbers = [int(code) for code in codes if code.isdigit() and 400 <= int(code) < 600]
    return failure(name, (numbers or known or [500])[0], body, {}, secrets)


def _kind(status: int, text: str, codes: set[str]) -> tuple[type[ModelError], str]:
    """Return a refusal's class, and what to do about it."""
    if status != 429 and (codes & _OVERFLOW_CODES or _OVERFLOW.search(text)):
        return ContextOverflowError, "the conversation is too long for this model"
    if status == 413:
        return ContextOverflowError, "the request is too large for this server"
    if status == 402 or codes & _SPENT_CODES or (_SPENT.search(text) and not _COMES_BACK.search(text)):
        return QuotaSpentError, "the account's money or quota is used up"
    if status in (400, 403, 422, 451) and (codes & _POLICY_CODES or _POLICY.search(text)):
        return ContentPolicyError, "the provider's content policy refuses this conversation"
    if status in (401, 403):
        return AuthenticationError, "check the key, for instance in OPENAI_API_KEY, and what it may use"
    if status == 404:
        return ModelUnavailableError, "check the model's name and the server's address"
    if status == 429:
        return RateLimitedError, "too many requests for now; try again later"
    if status >= 500 or status in (408, 425):
        return ServerFailedError, "the server cannot answer now; try again later"
    if status < 400:
        return ModelUnavailableError, "this is no answer of a model server; check the address"
    return BadRequestError, ""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asks to wait, by milliseconds, seconds or an HTTP date; None without."""
    for field, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(field, "")) / scale
        except ValueError:
            continue
        if 0 <= seconds < float("inf"):
            return seconds
    try:
        moment = parsedate_to_datetime(headers.get("retry-after", ""))
        return max(0.0, moment.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def without_secrets(text: str, secrets: Sequence[str] = ()) -> str:
    """Return a text in one line of bounded length, without these secrets and whatever looks like a key."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _KEY_LIKE.sub("***", " ".join(text.split()))
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def _text(body: Any) -> str:
    """Return the words of a refusal, wherever the many servers put them."""
    if isinstance(body, dict):
        for key in ("error", "message", "detail", "msg", "error_message"):
            if body.get(key):
                return _text(body[key])
        return str(body) if body else ""
    if isinstance(body, list | tuple):
        return "; ".join(_text(part) for part in body[:5])
    return "" if body is None else str(body)


def _codes(body: Any, depth: int = 3) -> Iterator[str]:
    """Give the codes and types of a refusal, in lower case."""
    if not isinstance(body, dict) or depth == 0:
        return
    for key in ("code", "type", "status", "error_type", "reason"):
        if isinstance(body.get(key), str | int):
            yield str(body[key]).lower()
    for key in ("error", "innererror", "details"):
        yield from _codes(body.get(key), depth - 1)
