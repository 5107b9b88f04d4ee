"""Who sits where: the trajectories of a recipe, numbered through all of its crews."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runs.failures import UsageError
from runs.recipe import Crew, Purpose, Recipe
from runs.roles import MODELLESS

SHELLLESS = frozenset({"test-and-edit"})
"""Kinds of trajectory whose models are given no shell."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One trajectory's place: its number within the issue, and its crew and place there.

    Numbers depend on the recipe only, so a resumed run means the same ones.
    """

    sample: int
    crew: Crew
    index: int

    @property
    def purpose(self) -> Purpose:
        """What it adds to the decision."""
        return self.crew.purpose

    @property
    def temperature(self) -> float:
        """How far its replies stray."""
        return 0.0 if self.crew.greedy_first and self.index == 0 else self.crew.temperature


def seats(recipe: Recipe) -> tuple[Seat, ...]:
    """Return all places of a recipe, in order of their numbers."""
    places = [(crew, index) for crew in recipe.crews for index in range(crew.samples)]
    return tuple(Seat(sample, crew, index) for sample, (crew, index) in enumerate(places))


def origin_of(sample: int) -> str:
    """Return the name of a trajectory's candidate."""
    return f"sample {sample}"


def is_sample(origin: str) -> bool:
    """Whether a candidate's origin is one of our trajectories."""
    return origin.startswith("sample ") and origin.removeprefix("sample ").isdecimal()


def in_turn(places: Sequence[Seat]) -> tuple[Seat, ...]:
    """Return places in the order they are drawn: the crews take turns."""
    return tuple(sorted(places, key=lambda seat: (seat.index, seat.sample)))


def told(places: Iterable[Seat]) -> str:
    """Return how many of which kind, in words."""
    kinds = [seat.crew.kind for seat in places]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)) or "nobody"


def require_kinds(recipe: Recipe) -> None:
    """Refuse a recipe whose crews nobody can play.

    Raises:
        UsageError: there is no such kind of trajectory, or its model cannot play it.
    """
    from agent.kinds import KINDS

    for number, crew in enumerate(recipe.crews):
        if crew.kind not in KINDS:
            near = difflib.get_close_matches(crew.kind, KINDS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            known = ", ".join(KINDS)
            raise UsageError(
                f"crews.{number}: there is no kind of trajectory {crew.kind!r}{hint} (known: {known})"
            )
        if crew.kind in SHELLLESS and recipe.model_of(crew).startswith(MODELLESS):
            raise UsageError(
                f"crews.{number}: {recipe.model_of(crew)} works through a shell, which a {crew.kind} does not"
                " offer; name a model with --model, or take a recipe of tool agents, such as best-of-n"
            )
