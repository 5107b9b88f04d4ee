"""Who holds what there is only so much of, and who waits for it: a wait for others is no standstill.

The work of one issue is a tree of what it holds and of what is held within that. It goes by the context of
the call, past whatever stands between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Wait:
    """One wait: for what, in words, and by whose work that is held now."""

    what: str
    holders: Callable[[], Iterable[Work]]


class Work:
    """What somebody holds, with what is held within it, and what it waits for.

    Attributes:
        within: the work that this is a part of; None for the whole of it.
        parts: what is held within.
        waits: what it waits for.
    """

    def __init__(self, within: Work | None = None) -> None:
        self.within = within
        self.parts: list[Work] = []
        self.waits: list[Wait] = []

    def is_busy(self) -> bool:
        """Whether some of it goes on, and does not wait."""
        if self.parts:
            return any(part.is_busy() for part in self.parts)
        return not self.waits

    def is_held_up(self) -> bool:
        """Whether all of it waits, in the end for work of others that goes on.

        Where all wait for each other nobody is held up: such a wait has no end.
        """
        if self.is_busy():
            return False
        reached = [self]
        for one in reached:  # which grows
            for wait in one.awaited():
                for whole in (holder.whole() for holder in wait.holders()):
                    if whole.is_busy():
                        return True
                    if whole not in reached:
                        reached.append(whole)
        return False

    def awaited(self) -> Iterator[Wait]:
        """Yield all that it waits for, its parts' waits included."""
        yield from self.waits
        for part in self.parts:
            yield from part.awaited()

    def whole(self) -> Work:
        """Return the work that this is a part of in the end."""
        return self if self.within is None else self.within.whole()


ELSEWHERE = Work()
"""Whoever holds something out of sight: another process, or a server that asks for patience."""

_current: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def part_of(work: Work) -> Iterator[None]:
    """Count what is held and waited for in a block as parts of a work."""
    token = _current.set(work)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def waiting(what: str, holders: Callable[[], Iterable[Work]]) -> Iterator[None]:
    """Let it be known that a block waits.

    Args:
        what: what for, in words.
        holders: returns the work that holds it.
    """
    work = _current.get()
    if work is None:
        yield
        return
    wait = Wait(what, holders)
    work.waits.append(wait)
    try:
        yield
    finally:
        work.waits.remove(wait)


def take() -> Work:
    """Return a new part of the context's work, which holds something until `give_back`."""
    within = _current.get()
    work = Work(within)
    if within is not None:
        within.parts.append(work)
        _current.set(work)
    return work


def give_back(work: Work) -> None:
    """End a part that `take` began."""
    if work.within is not None:
        work.within.parts.remove(work)
        if _current.get() is work:
            _current.set(work.within)
