"""What a sending that fails or is cut off leaves behind: told at once, and with what it had used by then.

Both go by the context of the call, past whatever stands between the loop and the backend.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from agent.messages import Attempt, Usage

Hear = Callable[[Attempt], Awaitable[None]]


@dataclass(slots=True)
class Meter:
    """What one sending has used, as far as its backend has said; `cost` is in dollars."""

    usage: Usage = field(default_factory=Usage)
    cost: float | None = None


_hears: ContextVar[Hear | None] = ContextVar("hears", default=None)
_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def heard_by(hear: Hear) -> Iterator[None]:
    """Let `hear` be told of every sending that fails in a block, of whatever model is called there."""
    token = _hears.set(hear)
    try:
        yield
    finally:
        _hears.reset(token)


async def tell(attempt: Attempt) -> None:
    """Tell of a sending that failed, before anything else is done about it."""
    if hear := _hears.get():
        await hear(attempt)


@contextmanager
def metered() -> Iterator[Meter]:
    """Give what the sending in a block has used, should it be broken off."""
    meter = Meter()
    token = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(token)


def note_used(usage: Usage, cost: float | None = None) -> None:
    """Say what a sending had used when it broke off; a backend says it as the failure passes through it."""
    if meter := _meter.get():
        meter.usage, meter.cost = usage, cost
