"""What happens to the servers, as it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

State = Literal["starting", "healthy", "crashed", "hung", "stopped", "ready"]


@dataclass(frozen=True, slots=True)
class Change:
    """A server came into another state.

    Attributes:
        server: `replica 0`, `router`, or `endpoint` for the whole.
        state: `ready` is the endpoint's alone: from now on requests are answered.
        url: the base address, as clients take it (with `/v1`).
        seconds: how long the state before took.
        detail: why, or what comes next.
        log: the file the server logs into; empty for the endpoint.
        model: what requests call the model; given with `ready`.
    """

    server: str
    state: State
    url: str = ""
    seconds: float = 0.0
    detail: str = ""
    log: str = ""
    model: str = ""


Tell = Callable[[Change], None]
