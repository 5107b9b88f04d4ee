"""What a search is given, says, and has found so far."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from agent.models.repair import ranking

if TYPE_CHECKING:
    from agent.models.repair.edits import Edit
    from agent.models.repair.oracle import ReproTest
    from agent.models.repair.trial import Trials

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """What to say, and the calls (name, arguments) to make."""

    text: str
    calls: tuple[tuple[str, Arguments], ...]


Observations = list[str]
Steps = Generator[Step, Observations]


@dataclass(frozen=True, slots=True)
class Problem:
    """One issue to solve; `temperature` 0 takes what is best first, more makes samples differ."""

    issue: str
    runner: str
    context: tuple[str, ...] = ()
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one search may use: a processor's seconds of trying edits and of checking them, steps in all."""

    trying: float = 50.0
    checking: float = 30.0
    batch: float = 8.0
    batches: int = 30
    after_first: int = 200
    """Edits still tried after the first that passes, to choose among several."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A test that fails before the repair, as it should."""

    path: str
    test: ReproTest


@dataclass
class Found:
    """What trying edits has shown so far."""

    tried: dict[int, Edit] = field(default_factory=dict)
    results: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0
    batches: int = 0
    base: str = ""

    def add(self, numbered: Sequence[tuple[int, Edit]], trials: Trials, limits: Limits) -> None:
        """Take note of a batch."""
        self.tried.update(numbered)
        self.results.update(trials.results)
        self.seconds += trials.seconds or limits.batch
        self.batches += 1
        self.base = trials.base or self.base

    @property
    def passed(self) -> list[ranking.Passed]:
        """The edits after which the leading test passes."""
        return [
            ranking.Passed(self.tried[number], tuple(int(n) for n in result.removeprefix("pass ").split(",")))
            for number, result in self.results.items()
            if result.startswith("pass ")
        ]


@dataclass
class Queue:
    """Edits still to try: single ones, then pairs of those that got the test further with others."""

    edits: Iterator[Edit]
    singles: list[Edit] = field(default_factory=list)
    pairing: bool = False

    def take(self, count: int) -> list[Edit]:
        """Take the next edits."""
        taken = list(islice(self.edits, count))
        if not self.pairing:
            self.singles += taken
        return taken

    def pair(self, found: Found) -> None:
        """Go on with pairs."""
        if self.pairing:
            return
        self.pairing = True
        partners = self.singles + list(islice(self.edits, 2000))
        stones = ranking.stepping_stones(found.tried, found.results, found.base, 6)
        self.edits = ranking.pairs(stones, sorted(partners, key=lambda edit: -edit.score))
