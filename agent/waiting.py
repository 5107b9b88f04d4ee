"""Time that does not count: a trajectory that waits for its turn stands still on its own clock.

That it waits, and for whom, is known as well, see `sandbox.work`: its issue's clocks may stand still too.

It goes by the context of the call, past whatever stands between the loop and the one who waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from sandbox.work import Work, waiting

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
def off_the_clock(what: str, holders: Callable[[], Iterable[Work]]) -> Iterator[None]:
    """Wait in a block without using up anybody's time.

    Args:
        what: what for, in words.
        holders: returns the work that holds it.
    """
    stop = _stop.get()
    with waiting(what, holders), nullcontext() if stop is None else stop():
        yield
