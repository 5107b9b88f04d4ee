"""Log-probabilities of tokens, from what servers tell of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

NONE = -1_000.0
"""At and below it a log-probability is a server's word for none: OpenAI and vLLM write -9999."""


def alternatives(told: object) -> list[dict[str, float]]:
    """Return the log-probability of each alternative at each position, by its text.

    Tokens of the same text count together. The token that was drawn is among them.
    """
    content = told.get("content") if isinstance(told, dict) else None
    if not isinstance(content, list):
        return []
    return [_position(token) for token in content if isinstance(token, dict)]


def prompt_alternatives(told: object) -> tuple[dict[str, float], ...]:
    """Return vLLM's log-probabilities of the prompt: at each position its own token first, then others.

    The first position has none.
    """
    if not isinstance(told, list):
        return ()
    return tuple(_merged(_decoded(position)) for position in told)


def is_told(logprob: float) -> bool:
    """Whether a log-probability says how likely a token is: no infinity, and no number that stands for it."""
    return math.isfinite(logprob) and logprob > NONE


def log_add(one: float, other: float) -> float:
    """Return the logarithm of the sum of two probabilities given by their logarithms."""
    high, low = max(one, other), min(one, other)
    return high if high == -math.inf else high + math.log1p(math.exp(low - high))


def _position(token: Mapping[str, Any]) -> dict[str, float]:
    top = token.get("top_logprobs")
    found = _merged(_named(top if isinstance(top, list) else ()))
    for text, logprob in _named([token]):
        found.setdefault(text, logprob)
    return found


def _named(tokens: Iterable[object]) -> Iterable[tuple[str, float]]:
    for token in tokens:
        if isinstance(token, dict) and _is_logprob(token.get("logprob")):
            yield str(token.get("token", "")), float(token["logprob"])


def _decoded(position: object) -> Iterable[tuple[str, float]]:
    for identity, entry in position.items() if isinstance(position, dict) else ():
        if isinstance(entry, dict) and _is_logprob(entry.get("logprob")):
            text = entry.get("decoded_token")
            yield text if isinstance(text, str) else f"token_id:{identity}", float(entry["logprob"])


def _merged(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    merged: dict[str, float] = {}
    for text, logprob in pairs:
        merged[text] = log_add(merged[text], logprob) if text in merged else logprob
    return merged


def _is_logprob(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
