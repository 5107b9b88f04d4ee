"""How often something is done that only helps when things go wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

SHARE = 0.01
"""Share of the time that passes which it may take."""

FIRST = 10.0
"""Seconds before it is done for the first time."""


class Precaution:
    """Says when something is due: as often as it takes but a share of the time, by what it took last."""

    def __init__(self) -> None:
        self._next = time.monotonic() + FIRST

    def is_due(self) -> bool:
        """Whether enough time has passed, since the start or since it was done last."""
        return time.monotonic() >= self._next

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure what is done inside."""
        began = time.monotonic()
        try:
            yield
        finally:
            ended = time.monotonic()
            self._next = ended + (ended - began) / SHARE
