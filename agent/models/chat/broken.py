"""What a reply has used, one that breaks off and one of which the server does not tell included."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from agent.messages import Usage
from agent.models.attempts import note_used
from agent.models.chat.assemble import Assembly
from agent.models.chat.usage import read_usage
from agent.models.counting import likely
from agent.models.errors import ModelError

Price = Callable[[Usage], float | None]


def _unpriced(usage: Usage) -> None:
    """Return no price."""


@contextmanager
def accounted(assembly: Assembly, request: Mapping[str, Any], price: Price = _unpriced) -> Iterator[None]:
    """Put what was used on whatever breaks off a reply in this block, a cancellation included."""
    try:
        yield
    except BaseException as error:
        usage = used(assembly, request)
        cost = price(usage) if usage != Usage() else None
        note_used(usage, cost)
        if isinstance(error, ModelError):
            error.usage, error.cost = usage, cost
        raise


def used(assembly: Assembly, request: Mapping[str, Any]) -> Usage:
    """Return what the server told, and an estimate of what it did not where it was writing already.

    What it told that is no count is not told. A server that sent nothing is taken to have charged nothing.
    """
    told = read_usage(assembly.usage)
    if not assembly.pieces or (told.input and told.output):
        return told
    prompt = json.dumps([request.get("messages"), request.get("tools")], ensure_ascii=False)
    written = max(assembly.pieces, likely(assembly.written))
    return told.model_copy(
        update={"input": told.input or likely(prompt), "output": told.output or written, "estimated": True}
    )
