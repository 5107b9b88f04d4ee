"""The shelf on the journal: validated tests that the trajectories of one issue show each other."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import asdict

from agent.shelf import SharedTest
from runs.crews import Seat
from runs.journal import Journal

KIND = "test"


class JournalShelf:
    """All shared tests of an issue, events `test` of its journal, in the order they were laid down."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._read = 0
        self._tests: dict[str, SharedTest] = {}
        self._coming: set[str] = set()

    def tests(self) -> tuple[SharedTest, ...]:
        """Return the tests that are there by now, the oldest first, each content once."""
        events = self._journal.events
        while self._read < len(events):
            if events[self._read].kind == KIND:
                test = SharedTest(**events[self._read].data)
                self._tests.setdefault(test.content, test)
            self._read += 1
        return tuple(self._tests.values())

    async def put(self, test: SharedTest) -> None:
        """Lay down a test, durably; a content that is there changes nothing."""
        if test.content in self._coming or test.content in {one.content for one in self.tests()}:
            return
        self._coming.add(test.content)
        try:
            await self._journal.append(KIND, asdict(test))
        finally:
            self._coming.discard(test.content)


class ShelfOfOne:
    """The shelf as one trajectory sees it: the tests of others, or of some of them."""

    def __init__(self, common: JournalShelf, sample: int, authors: Container[int] | None = None) -> None:
        self._common = common
        self._sample = sample
        self._authors = authors

    def tests(self) -> tuple[SharedTest, ...]:
        """See `agent.shelf.Shelf.tests`."""
        shown = (test for test in self._common.tests() if test.author != self._sample)
        return tuple(test for test in shown if self._authors is None or test.author in self._authors)

    async def put(self, test: SharedTest) -> None:
        """See `agent.shelf.Shelf.put`."""
        await self._common.put(test)


class SeedOnly:
    """The shelf of a trajectory that works alone but for the tests it starts from."""

    def __init__(self, seeded: ShelfOfOne) -> None:
        self._seeded = seeded

    def tests(self) -> tuple[SharedTest, ...]:
        """See `agent.shelf.Shelf.tests`."""
        return self._seeded.tests()

    async def put(self, test: SharedTest) -> None:
        """Keep it to oneself."""


def seed_author(seat: Seat, shelf: JournalShelf, testers: Container[int]) -> int | None:
    """Return the tester whose tests a trajectory starts from, another one each; None where there is none."""
    authors = sorted({test.author for test in shelf.tests() if test.author in testers})
    return authors[seat.index % len(authors)] if seat.crew.seed_test and authors else None
