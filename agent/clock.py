"""The time of one trajectory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Runs from the first thing that is not on the tape: what is replayed is paid already.

    Attributes:
        deadline: what ends the trajectory when the time is up.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end: float | None = None
        self._put_off = 0.0
        self.deadline = asyncio.Timeout(None)

    def start(self, used: float) -> None:
        """Let the time run, less the seconds that were used before; a running clock goes on."""
        if self._end is None:
            self._end = asyncio.get_running_loop().time() + self._seconds - used
            self._set()

    def left(self) -> float:
        """Return the seconds until the time is up; all of them while the clock stands."""
        return self._seconds if self._end is None else self._end - asyncio.get_running_loop().time()

    def is_up(self) -> bool:
        """Whether the time is up."""
        return self.left() <= 0

    @contextmanager
    def grace(self, seconds: float) -> Iterator[None]:
        """Put the deadline off while actions are performed.

        A command ends itself, with all it started, when its time is up; a cancelled one might not.
        """
        self._put_off = seconds
        self._set()
        try:
            yield
        finally:
            self._put_off = 0.0
            self._set()

    def _set(self) -> None:
        if self._end is not None and not self.deadline.expired():
            self.deadline.reschedule(self._end + self._put_off)
