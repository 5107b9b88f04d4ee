"""How many tokens a text has for the model that will read it."""

from __future__ import annotations

from collections.abc import Callable

from agent.models.tokenization import tokenizer_of

Count = Callable[[str], int]
"""Returns the number of tokens of a text."""

BYTES = 3
"""Bytes of a token where no tokenizer is at hand. Code has 3 to 4.5 with those in use, so that what is packed
by this number stays below the tokens that were asked for."""


def counter_of(model: str) -> Count:
    """Return a counter for a model by its name: its tokenizer's where one is on this machine, or a guess."""
    return tokenizer_of(model) or guessed


def guessed(text: str) -> int:
    """Return about how many tokens a text has, rather too many than too few."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES)
