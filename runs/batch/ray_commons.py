"""What issues share on a cluster: one actor holds it, and each issue asks it.

The purse and the pace of each endpoint are the cluster's; slots for trajectories and tests are a node's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from itertools import count
from typing import Any

from agent.budget import Answered, Call, SpentError
from agent.messages import Usage
from agent.models.errors import ModelError
from agent.models.pace import Turn
from agent.trajectory import ExitReason
from agent.waiting import off_the_clock
from runs.batch.carried import Piece
from runs.commons import Paces
from runs.progress import Progress
from runs.purse import RunPurse, Spending
from runs.recipe import Allowance
from sandbox.slots import Slots
from sandbox.work import ELSEWHERE, give_back, take, waiting

Brought = tuple[str, str, Sequence[Piece]]
"""An attempt, its issue, and what it has recorded."""
Ticket = tuple[str, int]
"""Names what is held: the attempt that holds it, and a number.

Whoever asks chooses it. So it can be given back by somebody who was called off before an answer came: the
call to an actor goes on when nobody waits for it any more.
"""


class Asker:
    """One attempt at an issue, which asks the actor for what is shared."""

    def __init__(self, shared: Any, attempt: str) -> None:
        self.shared = shared
        self._attempt = attempt
        self._numbers = count()

    def ticket(self) -> Ticket:
        """Return a fresh one."""
        return self._attempt, next(self._numbers)


class RemotePurse(RunPurse):
    """The run's purse as a node sees it: what is set aside and spent is told to the actor."""

    def __init__(self, asker: Asker) -> None:
        super().__init__(Allowance())
        self._asker = asker
        self._told: tuple[str, Spending] | None = None

    def put(self, issue: str, spent: Spending) -> None:
        """See `RunPurse.put`."""
        self._told = issue, spent
        self._asker.shared.put.remote(issue, spent)

    @asynccontextmanager
    async def reserved(self, call: Call) -> AsyncIterator[Answered]:
        """See `Purse.reserved`.

        Raises:
            SpentError: it does not fit into what the run has left.
        """
        shared, ticket = self._asker.shared, self._asker.ticket()
        costs: list[tuple[float | None, Usage]] = []

        def answered(dollars: float | None, usage: Usage) -> None:
            self.prices.learn(call, dollars, usage)
            costs.append((dollars, usage))

        try:
            with off_the_clock("money of the run", lambda: (ELSEWHERE,)):
                over = await shared.reserve.remote(ticket, call)
            if over is not None:
                raise SpentError(ExitReason(over[0]), over[1])
            yield answered
        finally:
            # with what was paid, as calls of an actor need not come in order
            shared.release.remote(ticket, self._told, costs)


class RemotePace:
    """An endpoint's pace as a node sees it: turns are given by the actor."""

    def __init__(self, asker: Asker, name: str) -> None:
        self._asker = asker
        self._name = name

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn]:
        """See `agent.models.pace.Pace.turn`.

        Raises:
            ModelError: the endpoint has been down for too long.
        """
        shared, ticket, turn = self._asker.shared, self._asker.ticket(), Turn(0.0)
        try:
            with off_the_clock(f"a turn at {self._name}", lambda: (ELSEWHERE,)):
                refused = await shared.take_turn.remote(ticket, self._name)
            if refused is None:
                yield turn
                shared.end_turn.remote(ticket, turn.latency, None, "", None)
        except ModelError as error:
            shared.end_turn.remote(ticket, turn.latency, type(error), str(error), error.retry_after)
            raise
        except BaseException:
            shared.release.remote(ticket)  # it says nothing of the endpoint
            raise
        if refused is not None:
            raise refused[0](refused[1])


class RemotePaces(Paces):
    """The paces of all endpoints as a node sees them."""

    def __init__(self, asker: Asker) -> None:
        super().__init__(1)
        self._asker = asker

    def of(self, name: str) -> RemotePace:  # type: ignore[override]
        """See `Paces.of`."""
        return RemotePace(self._asker, name)


class RemoteSlots(Slots):
    """Slots that all issues on one node share, as one of them sees them: they are given by the actor."""

    def __init__(self, asker: Asker, node: str, slots: Slots) -> None:
        super().__init__(slots.name, slots.total, slots.one)
        self._asker = asker
        self._node = node

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """See `Slots.turn`."""
        shared, ticket = self._asker.shared, self._asker.ticket()
        try:
            with waiting(self.one, lambda: (ELSEWHERE,)):
                await shared.take_slot.remote(ticket, self._node, self.name, self.total)
            work = take()
            try:
                yield
            finally:
                give_back(work)
        finally:
            shared.release.remote(ticket)


class Shared:
    """What the issues of all nodes share; one Ray actor, whose methods run side by side in one loop."""

    def __init__(self, limit: Allowance, calls: int, known: Mapping[str, Spending]) -> None:
        self._purse = RunPurse(limit)
        self._paces = Paces(calls)
        self._slots: dict[tuple[str, str], Slots] = {}
        self._held: dict[Ticket, tuple[AbstractAsyncContextManager[Any], Any]] = {}
        self._waiting: dict[Ticket, asyncio.Task[None]] = {}
        self._unasked: set[Ticket] = set()
        self._stops: dict[str, asyncio.Event] = {}
        self._ended: set[str] = set()
        self._told: list[tuple[str, Progress]] = []
        self._brought: list[Brought] = []
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
            self._purse.prices.remember((total.dollars - before.dollars) / steps, tokens)

    async def spent_on(self, issue: str) -> Spending:
        """Return what an issue has spent, as it was told."""
        return self._spent.get(issue, Spending())

    async def reserve(self, ticket: Ticket, call: Call) -> tuple[str, str] | None:
        """Set aside what a call may cost, or return why it does not fit."""
        try:
            await self._hold(ticket, self._purse.reserved(call))
        except SpentError as error:
            return error.reason.value, error.words
        return None

    async def release(
        self,
        ticket: Ticket,
        told: tuple[str, Spending] | None = None,
        costs: Sequence[tuple[float | None, Usage]] = (),
    ) -> None:
        """Give back what is held, as if it had not been used.

        Args:
            ticket: what it is held by.
            told: an issue, and what it has spent by then.
            costs: what the call has cost that money was set aside for, in dollars and tokens.
        """
        if told is not None:
            await self.put(*told)
        if held := self._given_back(ticket):
            entered, given = held
            for dollars, usage in costs:
                given(dollars, usage)
            await entered.__aexit__(asyncio.CancelledError, asyncio.CancelledError(), None)

    async def take_turn(self, ticket: Ticket, name: str) -> tuple[type[ModelError], str] | None:
        """Wait for a turn at an endpoint, or return why there will be none."""
        try:
            await self._hold(ticket, self._paces.of(name).turn())
        except ModelError as error:
            return type(error), str(error)
        return None

    async def end_turn(
        self,
        ticket: Ticket,
        latency: float | None,
        kind: type[ModelError] | None,
        words: str,
        after: float | None,
    ) -> None:
        """End a turn, and tell the pace how it went."""
        if (held := self._given_back(ticket)) is None:
            return
        turn, given = held
        given.latency = latency
        error = None if kind is None else kind(words, retry_after=after)
        with suppress(ModelError):
            await turn.__aexit__(kind, error, None)

    async def take_slot(self, ticket: Ticket, node: str, name: str, total: int) -> None:
        """Wait for a slot on a node, which has as many as whoever asked first has found there."""
        await self._hold(ticket, self._slots.setdefault((node, name), Slots(name, total)).turn())

    async def called_off(self, attempt: str) -> None:
        """Wait until an attempt is called off; whoever works on it waits here."""
        if attempt not in self._ended:
            await self._stops.setdefault(attempt, asyncio.Event()).wait()

    async def call_off(self, attempt: str) -> bool:
        """Ask whoever works on an attempt to stop, and return whether anybody does."""
        works = await self.is_begun(attempt)
        self._stops.setdefault(attempt, asyncio.Event()).set()
        return works

    async def is_begun(self, attempt: str) -> bool:
        """Whether anybody works on an attempt, or did."""
        return attempt in self._stops or attempt in self._ended

    async def forget(self, attempt: str) -> None:
        """Give back all that an attempt holds or waits for: nobody works on it any more."""
        self._ended.add(attempt)
        self._stops.pop(attempt, asyncio.Event()).set()
        for ticket in [one for one in (*self._held, *self._waiting) if one[0] == attempt]:
            await self.release(ticket)
        self._unasked = {ticket for ticket in self._unasked if ticket[0] != attempt}

    async def tell(self, instance_id: str, progress: Progress) -> None:
        """Keep what happened until the driver asks."""
        self._told.append((instance_id, progress))

    async def bring(self, attempt: str, instance_id: str, pieces: Sequence[Piece]) -> None:
        """Keep what an attempt has recorded until the driver asks, unless another has taken its place."""
        if attempt not in self._ended:
            self._brought.append((attempt, instance_id, pieces))

    async def told(self) -> tuple[list[tuple[str, Progress]], list[Brought], Spending, str]:
        """Return what happened and was recorded since the last time, what is spent, and how full all is."""
        told, self._told = self._told, []
        brought, self._brought = self._brought, []
        return told, brought, self._purse.total, self._bounds()

    def _bounds(self) -> str:
        """Return how full the limits are: slots of all nodes together, and the pace of each endpoint."""
        parts = []
        for name in sorted({name for _, name in self._slots}):
            alike = [slots for (_, other), slots in self._slots.items() if other == name]
            taken, total = sum(one.taken for one in alike), sum(one.total for one in alike)
            parts.append(f"{name}: {taken} of {total}, {sum(one.waiting for one in alike)} wait")
        parts += [pace.told() for pace in self._paces.by_endpoint.values()]
        return "; ".join(parts) or "no node has begun yet"

    def _take_in(self, issue: str, spent: Spending) -> None:
        self._spent[issue] = spent
        self._purse.put(issue, spent)

    async def _hold(self, ticket: Ticket, entered: AbstractAsyncContextManager[Any]) -> None:
        """Enter something for a ticket, unless nobody wants it any more."""
        if ticket[0] in self._ended or ticket in self._unasked:
            self._unasked.discard(ticket)
            return
        entering = self._waiting[ticket] = asyncio.create_task(self._enter(ticket, entered))
        try:
            await asyncio.wait([entering])
        finally:
            del self._waiting[ticket]
            entering.cancel()
        if not entering.cancelled():
            entering.result()

    async def _enter(self, ticket: Ticket, entered: AbstractAsyncContextManager[Any]) -> None:
        self._held[ticket] = entered, await entered.__aenter__()

    def _given_back(self, ticket: Ticket) -> tuple[AbstractAsyncContextManager[Any], Any] | None:
        """Return what a ticket holds, which it does no more; where it waits, or is still to come, nothing."""
        if ticket in self._held:
            return self._held.pop(ticket)
        if ticket in self._waiting:
            self._waiting[ticket].cancel()
        elif ticket[0] not in self._ended:
            self._unasked.add(ticket)
        return None
