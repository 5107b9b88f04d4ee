"""Tests that the trajectories of one issue show each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SharedTest:
    """A test file that fails on the untouched base for the issue's reason.

    `author` is the sample that wrote it, `output` what running it on the base printed.
    """

    __test__ = False

    path: str
    content: str
    author: int
    output: str = ""


def last_versions(tests: Sequence[SharedTest]) -> tuple[SharedTest, ...]:
    """Return the last version of each author's file, in the order they came."""
    last = {(test.author, test.path): number for number, test in enumerate(tests)}
    return tuple(tests[number] for number in sorted(last.values()))


class Shelf(Protocol):
    """Where validated tests lie for all trajectories of an issue."""

    def tests(self) -> tuple[SharedTest, ...]:
        """Return the tests of the other trajectories that are there by now, the oldest first."""

    async def put(self, test: SharedTest) -> None:
        """Lay down a test; the same content a second time changes nothing."""


class EmptyShelf:
    """The shelf of a trajectory that works alone."""

    def tests(self) -> tuple[SharedTest, ...]:
        """See `Shelf.tests`."""
        return ()

    async def put(self, test: SharedTest) -> None:
        """See `Shelf.put`."""
