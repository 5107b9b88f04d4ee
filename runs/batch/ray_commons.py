"""What the issues of all nodes share, the purse and the pace of each endpoint: one actor, and its callers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

from agent.budget import SpentError
from agent.models.errors import ModelError
from agent.models.pace import Turn
from agent.trajectory import ExitReason
from runs.batch.carried import Piece
from runs.commons import Paces
from runs.progress import Progress
from runs.purse import RunPurse, Spending
from runs.recipe import Allowance


class RemotePurse(RunPurse):
    """The run's purse as a node sees it: what is set aside and spent is told to the actor."""

    def __init__(self, commons: Any, attempt: str) -> None:
        super().__init__(Allowance())
        self._commons = commons
        self._attempt = attempt

    def put(self, issue: str, spent: Spending) -> None:
        """See `RunPurse.put`."""
        self._commons.put.remote(issue, spent)

    @asynccontextmanager
    async def reserved(self, prompt: int) -> AsyncIterator[None]:
        """See `Purse.reserved`.

        Raises:
            SpentError: it does not fit into what the run has left.
        """
        ticket, over = await self._commons.reserve.remote(self._attempt, prompt)
        if over is not None:
            raise SpentError(ExitReason(over[0]), over[1])
        try:
            yield
        finally:
            self._commons.release.remote(ticket)


class RemotePace:
    """An endpoint's pace as a node sees it: turns are given by the actor."""

    def __init__(self, commons: Any, attempt: str, name: str) -> None:
        self._commons = commons
        self._attempt = attempt
        self._name = name

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """See `agent.models.pace.Pace.turn`."""
        from agent.waiting import off_the_clock

        with off_the_clock():
            ticket = await self._commons.take_turn.remote(self._attempt, self._name)
        turn = Turn(0.0)
        try:
            yield turn
        except ModelError as error:
            self._commons.end_turn.remote(ticket, turn.latency, type(error), str(error), error.retry_after)
            raise
        except BaseException:
            self._commons.end_turn.remote(ticket, turn.latency, None, "", None)
            raise
        self._commons.end_turn.remote(ticket, turn.latency, None, "", None)


class RemotePaces(Paces):
    """The paces of all endpoints as a node sees them."""

    def __init__(self, commons: Any, attempt: str) -> None:
        super().__init__(1)
        self._commons = commons
        self._attempt = attempt

    def of(self, name: str) -> RemotePace:  # type: ignore[override]
        """See `Paces.of`."""
        return RemotePace(self._commons, self._attempt, name)


class Shared:
    """What the issues of all nodes share; one Ray actor, whose methods run side by side in one loop."""

    def __init__(self, limit: Allowance, calls: int, known: Mapping[str, Spending]) -> None:
        self._purse = RunPurse(limit)
        self._paces = Paces(calls)
        self._held: dict[int, tuple[str, AbstractAsyncContextManager[Any], Any]] = {}
        self._stops: dict[str, asyncio.Event] = {}
        self._ended: set[str] = set()
        self._next = 0
        self._told: list[tuple[str, Progress]] = []
        self._brought: list[tuple[str, Sequence[Piece]]] = []
        self._spent: dict[str, Spending] = {}
        for issue, spent in known.items():
            self._take_in(issue, spent)

    async def put(self, issue: str, spent: Spending) -> None:
        """See `RunPurse.put`; what comes late, with less than is known, changes nothing."""
        known = self._spent.get(issue, Spending())
        if spent.steps < known.steps or spent.tokens < known.tokens:
            return
        before = self._purse.total
        self._take_in(issue, spent)
        total = self._purse.total
        if (steps := total.steps - before.steps) > 0:
            tokens = (total.tokens - before.tokens) // steps
            self._purse.prices.learn((total.dollars - before.dollars) / steps, tokens)

    async def spent_on(self, issue: str) -> Spending:
        """Return what an issue has spent, as it was told."""
        return self._spent.get(issue, Spending())

    async def reserve(self, attempt: str, prompt: int) -> tuple[int, tuple[str, str] | None]:
        """Set aside what a call may cost, and return a ticket, or why it does not fit."""
        try:
            return await self._hold(attempt, self._purse.reserved(prompt)), None
        except SpentError as error:
            return 0, (error.reason.value, error.words)

    async def take_turn(self, attempt: str, name: str) -> int:
        """Wait for a turn at an endpoint, and return its ticket."""
        return await self._hold(attempt, self._paces.of(name).turn())

    async def release(self, ticket: int) -> None:
        """Give back what was set aside."""
        if held := self._held.pop(ticket, None):
            await held[1].__aexit__(None, None, None)

    async def end_turn(
        self,
        ticket: int,
        latency: float | None,
        kind: type[ModelError] | None,
        words: str,
        after: float | None,
    ) -> None:
        """End a turn, and tell the pace how it went."""
        if (held := self._held.pop(ticket, None)) is None:
            return
        _, turn, given = held
        given.latency = latency
        error = None if kind is None else kind(words, retry_after=after)
        with suppress(ModelError):
            await turn.__aexit__(kind, error, None)

    async def called_off(self, attempt: str) -> None:
        """Wait until an attempt is called off; whoever works on it waits here."""
        if attempt not in self._ended:
            await self._stops.setdefault(attempt, asyncio.Event()).wait()

    async def call_off(self, attempt: str) -> bool:
        """Ask whoever works on an attempt to stop, and return whether anybody does."""
        works = attempt in self._stops
        self._stops.setdefault(attempt, asyncio.Event()).set()
        return works

    async def forget(self, attempt: str) -> None:
        """Give back all that an attempt holds or waits for: who worked on it is no more."""
        self._ended.add(attempt)
        self._stops.pop(attempt, asyncio.Event()).set()
        for ticket in [ticket for ticket, held in self._held.items() if held[0] == attempt]:
            await self.release(ticket)

    async def tell(self, instance_id: str, progress: Progress) -> None:
        """Keep what happened until the driver asks."""
        self._told.append((instance_id, progress))

    async def bring(self, attempt: str, instance_id: str, pieces: Sequence[Piece]) -> None:
        """Keep what an attempt has recorded until the driver asks, unless another has taken its place."""
        if attempt not in self._ended:
            self._brought.append((instance_id, pieces))

    async def told(self) -> tuple[list[tuple[str, Progress]], list[tuple[str, Sequence[Piece]]], Spending]:
        """Return what happened and what was recorded since the last time, and what is spent."""
        told, self._told = self._told, []
        brought, self._brought = self._brought, []
        return told, brought, self._purse.total

    def _take_in(self, issue: str, spent: Spending) -> None:
        self._spent[issue] = spent
        self._purse.put(issue, spent)

    async def _hold(self, attempt: str, entered: AbstractAsyncContextManager[Any]) -> int:
        given = await entered.__aenter__()
        if attempt in self._ended:  # who waited for it is no more
            await entered.__aexit__(None, None, None)
            return 0
        self._next += 1
        self._held[self._next] = attempt, entered, given
        return self._next
