"""Reading the JSON that a model was asked for, wherever in its reply it stands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agent.context.asking import UnreadableError

READ = 20_000
"""Characters of a reply that are read, from its end."""


def last_object(text: str, field: str) -> Mapping[str, Any]:
    """Return the last JSON object of a reply that has a field: models think first, and restate.

    Raises:
        UnreadableError: there is none.
    """
    objects = [found for found in _objects(text[-READ:]) if field in found]
    if not objects:
        raise UnreadableError(f"there is no complete JSON object with the field {field!r} in it")
    return objects[-1]


def as_truth(value: object) -> bool:
    """Return a truth value that a model may have written as a word.

    Raises:
        UnreadableError: it is none.
    """
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower().replace("_", " ")
    if word in ("true", "yes", "relevant"):
        return True
    if word in ("false", "no", "not relevant", "irrelevant"):
        return False
    raise UnreadableError(f"{str(value)[:40]!r} is neither true nor false")


def _objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder(strict=False)  # models leave line breaks in strings
    place = text.find("{")
    while place >= 0:
        end = place + 1
        try:
            found, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            pass
        else:
            yield found
        place = text.find("{", end)
