"""How much of each prompt an earlier one had at its beginning, as a server with a prefix cache counts it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

TOKEN = 4
"""Characters that stand for a token."""
BLOCK = 16
"""Tokens that are cached together, as by vLLM."""


class PrefixCache:
    """Remembers every prompt, and never forgets."""

    def __init__(self) -> None:
        self._beginnings: set[int] = set()

    def usage(self, request: Mapping[str, Any], output: int) -> dict[str, Any]:
        """Return the usage of a chat completion of so many tokens, and remember its prompt."""
        prompt = _prompt(request)
        tokens, cached = -(-len(prompt) // TOKEN), self._cached(prompt)
        return {
            "prompt_tokens": tokens,
            "completion_tokens": output,
            "total_tokens": tokens + output,
            "prompt_tokens_details": {"cached_tokens": cached},
        }

    def _cached(self, prompt: str) -> int:
        """Return the tokens of the longest common beginning with an earlier prompt, in whole blocks."""
        size, running, cached, together = BLOCK * TOKEN, 0, 0, True
        for end in range(size, len(prompt), size):  # the last token is always computed anew
            running = hash((running, prompt[end - size : end]))
            together = together and running in self._beginnings
            cached += BLOCK * together
            self._beginnings.add(running)
        return cached


def _prompt(request: Mapping[str, Any]) -> str:
    """Return a request's tools and messages as one text, to which further messages only add."""
    parts = [request.get("tools") or [], *request["messages"]]
    return "\n".join(json.dumps(part, ensure_ascii=False) for part in parts)
