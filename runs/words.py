"""Numbers of things in words."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """Return how many there are of a thing: `1 candidate`, `2 candidates`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
