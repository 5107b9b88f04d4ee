"""Time that does not count: a trajectory that waits for its turn stands still on its own clock.

It goes by the context of the call, past whatever stands between the loop and the one who waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

Stop = Callable[[], AbstractContextManager[None]]

_stop: ContextVar[Stop | None] = ContextVar("stop", default=None)


@contextmanager
def stopped_by(stop: Stop) -> Iterator[None]:
    """Let `stop` hold a clock still whenever something in a block waits for its turn."""
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)


@contextmanager
def off_the_clock() -> Iterator[None]:
    """Wait in a block without using up anybody's time."""
    stop = _stop.get()
    if stop is None:
        yield
        return
    with stop():
        yield
