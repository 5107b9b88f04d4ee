"""The rule of adaptive drawing: from what is known to what is drawn next, or to the end.

A majority that cannot be overturned ends the drawing, counted with the n of all that could still come (the
early majority of Trae's selector, with its n set right); so does a calibrated probability over a threshold.
Until then each round goes where it can change the decision: to tests while tests do not tell the best
candidates apart, to refinement while the best fails something, to candidates otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from runs.recipe import Purpose


@dataclass(frozen=True, slots=True)
class Standing:
    """A behaviour cluster: programs that no test tells apart, and what tests say of them.

    `samples` counts the candidates that made them, `votes` and `failed` the ballots won and lost, `broken`
    the existing tests that they break, `unmet` the tests that show the issue and that no candidate at all
    passes: it may be them that are wrong.
    """

    samples: int = 1
    programs: int = 1
    votes: int = 0
    failed: int = 0
    broken: int = 0
    unmet: int = 0

    @property
    def order(self) -> tuple[int, int, int]:
        """Its place as far as evidence goes; the smallest leads."""
        return self.broken, -self.votes, -self.samples

    @property
    def good(self) -> bool:
        """Whether tests show that it solves the issue, and none that others pass speaks against it."""
        return self.votes > 0 and not self.failed and not self.broken


@dataclass(frozen=True, slots=True)
class Left:
    """How many trajectories of each purpose may still be drawn, or are still under way."""

    candidates: int = 0
    tests: int = 0
    refinement: int = 0

    def __bool__(self) -> bool:
        return bool(self.candidates or self.tests or self.refinement)

    @property
    def programs(self) -> int:
        """How many candidates may still come."""
        return self.candidates + self.refinement

    def of(self, purpose: Purpose) -> int:
        """Return how many are left of a purpose."""
        return {"candidates": self.candidates, "tests": self.tests, "refinement": self.refinement}[purpose]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known after a round.

    `shown` says that a test fails on the base, so that tests can speak for somebody. `probability` is the
    selector's where it is calibrated. `exhausted` says why nothing may be paid any more, empty while it may.
    """

    standings: tuple[Standing, ...] = ()
    left: Left = field(default_factory=Left)
    shown: bool = True
    probability: float | None = None
    exhausted: str = ""

    @property
    def best(self) -> tuple[Standing, ...]:
        """The standings, the lead first."""
        return tuple(sorted(self.standings, key=lambda one: one.order))

    @property
    def tied(self) -> bool:
        """Whether nothing but chance puts the lead before the next."""
        best = self.best
        return len(best) > 1 and best[0].order == best[1].order

    @property
    def alike(self) -> bool:
        """Whether there are programs in the lead that no test tells apart."""
        return bool(self.standings) and self.best[0].programs > 1


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next: trajectories of a purpose, or the end where it is None; and why, in one line."""

    purpose: Purpose | None
    reason: str


def next_step(known: Evidence, probability: float) -> Step:
    """Return what is drawn next.

    It asks for a purpose only while some of it are left, and never ends while the lead is tied and anything
    may still be drawn.

    Args:
        known: what is known.
        probability: the selector's probability at which the drawing ends.
    """
    if known.exhausted:
        return Step(None, known.exhausted)
    if not known.left:
        return Step(None, "all are drawn")
    if not known.tied and (reason := clear(known, probability)):
        return Step(None, reason)
    return _most_telling(known)


def clear(known: Evidence, probability: float) -> str:
    """Return why the lead, which is not tied, will not change; empty while it may."""
    if known.probability is not None and known.probability >= probability:
        return f"the selector is {known.probability:.0%} sure"
    best, coming = known.best, known.left.programs
    if best and best[0].good:
        others = max((one.samples for one in best[1:]), default=0)
        if best[0].samples > others + coming:
            return f"{_many(best[0].samples)} like the lead: {coming} more cannot overtake it"
    if not coming and (not best or (known.shown and not known.alike)):
        return "no other candidate will come"
    return ""


def lead_is_possible(ended: int, left: Left) -> bool:
    """Whether a look could end a round early: no lead of `ended` candidates is safe from as many to come."""
    return ended > left.programs


def _many(candidates: int) -> str:
    return "1 candidate behaves" if candidates == 1 else f"{candidates} candidates behave"


def _most_telling(known: Evidence) -> Step:
    """Return the purpose that can change the decision most, of those that are left."""
    best = known.best
    wishes: tuple[Purpose, ...]
    if not best:
        wishes, why = ("candidates", "refinement", "tests"), "no patch applies"
    elif not known.shown:
        wishes, why = ("tests", "candidates", "refinement"), "no test shows the issue"
    elif not best[0].votes:
        wishes, why = ("candidates", "refinement", "tests"), "no candidate is good"
    elif not best[0].good or best[0].unmet:
        wishes, why = ("refinement", "candidates", "tests"), "the best fails something"
    elif known.alike or known.tied:
        wishes, why = ("tests", "candidates", "refinement"), "tests do not tell the best apart"
    else:
        wishes, why = ("candidates", "refinement", "tests"), "the lead can be overtaken"
    return Step(next(wish for wish in wishes if known.left.of(wish)), why)
