"""The troop of one issue: what its trajectories share, and what each of them is given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager, nullcontext
from types import TracebackType
from typing import Self

from agent.assignment import WINDOW, Assignment
from agent.base_runs import ForkedBase
from agent.budget import Budget
from agent.messages import Sampling
from agent.models.base import Model
from agent.models.calling import open_model
from agent.models.closing import close
from agent.shelf import EmptyShelf, SharedTest, Shelf, last_versions
from agent.speech import Dialect
from agent.trajectory import Turn
from envs.task import PublicTask
from runs.base_room import BaseRoom
from runs.commons import Commons
from runs.crews import Seat, origin_of, seats
from runs.dialect import recorded_length, settled_dialect
from runs.earlier import recorded_attempts
from runs.journal import Journal
from runs.ledger import Ledger
from runs.progress import Listener, Noticed
from runs.recipe import Recipe
from runs.round_events import round_of
from runs.shelf import JournalShelf, SeedOnly, ShelfOfOne, seed_author
from runs.tape import JournalTape
from runs.variation import Variation, varied
from sandbox.base import Sandbox


class Troop:
    """What all trajectories of one issue share: task, room, models, ledger, shelf and the untouched base.

    Its models are let go of at the end of the `async with` block.

    Attributes:
        seats: every trajectory the recipe may draw, by number.
        ledger: what they may use together.
    """

    def __init__(
        self,
        task: PublicTask,
        room: BaseRoom,
        recipe: Recipe,
        context: str,
        journal: Journal,
        listen: Listener,
        commons: Commons | None = None,
    ) -> None:
        self.task = task
        self.room = room
        self.recipe = recipe
        self.journal = journal
        self.listen = listen
        self.seats = {seat.sample: seat for seat in seats(recipe)}
        self.ledger = Ledger(journal, recipe.budget, commons.purse if commons else None)
        self._commons = commons
        self._context = context
        self._shelf = JournalShelf(journal)
        self._testers = {sample for sample, seat in self.seats.items() if seat.purpose == "tests"}
        self._models: dict[str, tuple[Model, Dialect]] = {}
        self._base: ForkedBase | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for model, _ in self._models.values():
            await asyncio.shield(close(model))

    async def ready(self, places: Iterable[Seat]) -> None:
        """Open what trajectories need that is opened once: their models, and the base where tests are tried.

        Raises:
            UnknownModelError: a model has no backend.
            ModelError: a model cannot be used.
            SandboxError: the base cannot be started.
        """
        for name in dict.fromkeys(self.recipe.model_of(seat.crew) for seat in places):
            if name not in self._models:
                model = self._open(name)
                self._models[name] = model, await settled_dialect(model, name, self.journal)
        if self._base is None:
            base, seconds = await self.room.ground(), self.recipe.test_seconds
            self._base = ForkedBase(base, self.task.test_runner, seconds=seconds)

    @property
    def comes_again(self) -> bool:
        """Whether the issue comes once more where it fails now."""
        return self._commons is not None and self._commons.comes_again

    def place(self) -> AbstractAsyncContextManager[None]:
        """Return what a trajectory waits for before it begins: a sandbox that others do not use."""
        return self._commons.sandboxes.turn() if self._commons else nullcontext()

    def _open(self, name: str) -> Model:
        if self._commons is not None:
            return self._commons.open(name, self.recipe, self._say)
        return open_model(name, self.recipe.patience(), self._say)

    def _say(self, line: str) -> None:
        self.listen(Noticed(line))

    def variation(self, seat: Seat) -> Variation:
        """Return what sets a trajectory apart; `ready` has been called for it."""
        author = self._seed_author(seat)
        return Variation(
            kind=seat.crew.kind,
            round=round_of(self.journal, seat),
            model=self._models[self.recipe.model_of(seat.crew)][0].name,
            temperature=seat.temperature,
            context=varied(self._context, seat, self.recipe.seed)[1],
            seed_test="" if author is None else origin_of(author),
            first_phase="" if seat.crew.first_phase == "test" else seat.crew.first_phase,
        )

    def assignment(self, seat: Seat, sandbox: Sandbox, on_turn: Callable[[int, Turn], None]) -> Assignment:
        """Return what a trajectory is given; `ready` has been called for it."""
        crew = seat.crew
        name = self.recipe.model_of(crew)
        model, dialect = self._models[name]
        return Assignment(
            self.task,
            sandbox,
            model,
            JournalTape(self.journal, seat.sample, self._say),
            context=varied(self._context, seat, self.recipe.seed)[0],
            budget=Budget(
                steps=crew.steps,
                seconds=crew.seconds,
                dollars=crew.dollars,
                tokens=crew.tokens,
                common=self.ledger,
            ),
            sampling=Sampling(
                temperature=seat.temperature,
                seed=self.recipe.seed,
                sample=seat.sample,
                session=self.task.instance_id,
            ),
            dialect=dialect,
            on_turn=on_turn,
            base=self._base,
            shelf=self._shelf_for(seat),
            seed=self._seed_of(seat),
            first_phase=crew.first_phase,
            test_seconds=self.recipe.test_seconds,
            window=recorded_length(name, self.journal) or WINDOW,
            earlier=recorded_attempts(self.journal, seat.sample) or (),
        )

    def _shelf_for(self, seat: Seat) -> Shelf:
        """Return the shelf as a trajectory sees it: all tests, its seed's, or none."""
        if seat.crew.share_tests:
            return ShelfOfOne(self._shelf, seat.sample)
        author = self._seed_author(seat)
        if author is None:
            return EmptyShelf()
        return SeedOnly(ShelfOfOne(self._shelf, seat.sample, frozenset({author})))

    def _seed_of(self, seat: Seat) -> tuple[SharedTest, ...]:
        """Return the tests that a trajectory is shown at its start."""
        author = self._seed_author(seat)
        return last_versions([test for test in self._shelf.tests() if test.author == author])

    def _seed_author(self, seat: Seat) -> int | None:
        return seed_author(seat, self._shelf, self._testers)
