"""How many tokens a call used, from what servers tell of it in several shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.messages import Usage

MOST = 100_000_000
"""No model reads or writes so many tokens in one call; a greater number is no count."""


def read_usage(told: object) -> Usage:
    """Return the usage as far as it is told; what is no count is 0, and a part is no more than its whole."""
    if not isinstance(told, Mapping):
        return Usage()
    input_tokens = _count(told, "prompt_tokens", "input_tokens")
    output_tokens = _count(told, "completion_tokens", "output_tokens")
    cached = _count(_details(told, "prompt_tokens_details"), "cached_tokens") or _count(
        told, "prompt_cache_hit_tokens", "cache_read_input_tokens"
    )
    reasoning = _count(_details(told, "completion_tokens_details"), "reasoning_tokens") or _count(
        told, "reasoning_tokens"
    )
    return Usage(
        input=input_tokens,
        cached_input=min(cached, input_tokens),
        output=output_tokens,
        reasoning=min(reasoning, output_tokens),
    )


def _details(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    details = told.get(key)
    return details if isinstance(details, Mapping) else {}


def _count(told: Mapping[str, Any], *keys: str) -> int:
    """Return the first of these that is a count; some proxies send counts as text."""
    for key in keys:
        value = told.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value[:18])
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
            return value
    return 0
