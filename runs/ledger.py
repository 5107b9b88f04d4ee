"""One ledger per issue: what its trajectories, and the models that read for all of them, have used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from agent.budget import Answered, Call, RunEndedError, SpentError, seconds_of
from agent.messages import Attempt, Reply, Usage
from agent.trajectory import ExitReason
from runs.journal import Event, Journal
from runs.prices import Prices
from runs.purse import Purse, RunPurse, Spending
from runs.recipe import Allowance

CALLED_OFF = "called_off"
"""Kind of the event after which no trajectory takes another turn."""
LOST = "lost"
"""Kind of the event that says what was spent on replies that no journal holds: their node was lost."""


class RunSpentError(RunEndedError):
    """The run's own limit is reached; the issue stays unfinished, and goes on where the limit is raised."""


class Ledger:
    """What an issue has used against its allowance and the run's; fulfils `agent.budget.Common`.

    Everything paid for is in the journal, so what a resumed run finds there counts. Every kind of event
    that ends in `reply` or `failure` is charged, whoever called the model.

    Args:
        journal: the issue's.
        allowance: the issue's.
        run: the purse of the whole run, which is told what the issue spends; None where it is run alone.
    """

    def __init__(self, journal: Journal, allowance: Allowance, run: RunPurse | None = None) -> None:
        self._journal = journal
        self._run = run
        self._spent = Spending()
        prices = Prices() if run is None else run.prices
        self._issue = Purse("issue", allowance, lambda: self.spent, prices)
        self._read = 0
        self._called_off = ""
        self._told: dict[object, list[Attempt]] = {}

    @property
    def spent(self) -> Spending:
        """What is used by now: known prices and tokens of replies and failed sendings, and seconds.

        Seconds are wall time of replies and actions, added up over all. As in a trajectory's own budget,
        calls that failed in the end take none.
        """
        self._read_on()
        return self._spent

    def exceeded(self) -> tuple[ExitReason, str] | None:
        """Return why no trajectory may take another turn, None when they may."""
        self._read_on()
        if self._called_off:
            return ExitReason.CANCELLED, self._called_off
        return self.used_up()

    def used_up(self) -> tuple[ExitReason, str] | None:
        """Return what of the allowance is used up, None where nothing is."""
        return self._issue.used_up()

    @asynccontextmanager
    async def reserved(self, call: Call) -> AsyncIterator[Answered]:
        """See `agent.budget.Common.reserved`.

        Raises:
            SpentError: the issue's allowance is too small for the call.
            RunSpentError: the run's is.
        """
        async with self._issue.reserved(call) as answered:
            if self._run is None:
                yield answered
                return
            try:
                held = self._run.reserved(call)
                answered = await held.__aenter__()  # what it learns the issue knows, too
            except SpentError as error:
                raise RunSpentError(error.words) from error
            try:
                yield answered
            finally:
                self._read_on()  # what was paid counts before what was set aside is given back
                await held.__aexit__(None, None, None)

    async def call_off(self, reason: str) -> None:
        """Let no trajectory take another turn, now or in a resumed run."""
        await self._journal.append(CALLED_OFF, {"reason": reason})

    @property
    def called_off(self) -> bool:
        """Whether the trajectories were called off."""
        self._read_on()
        return bool(self._called_off)

    def _read_on(self) -> None:
        """Add up what the journal holds since the last look."""
        events = self._journal.events
        if self._read == len(events):
            return
        while self._read < len(events):
            self._add(events[self._read])
            self._read += 1
        if self._run is not None:
            self._run.put(self._journal.folder.name, self._spent)

    def _add(self, event: Event) -> None:
        if event.kind.endswith("reply"):
            reply = Reply.model_validate(event.data["reply"])
            self._charge(reply.cost, reply.usage, seconds=seconds_of(reply), steps=1)
            self._issue.prices.remember(reply.cost, reply.usage.input + reply.usage.output)
            self._charge_all(reply.attempts, event)
        elif event.kind.endswith("failure"):
            self._charge_all([Attempt.model_validate(one) for one in event.data["attempts"]], event)
        elif event.kind == "attempt":
            attempt = Attempt.model_validate(event.data["attempt"])
            self._told.setdefault(_call(event), []).append(attempt)
            self._charge(attempt.cost, attempt.usage)
        elif event.kind == "observation":
            self._charge(0.0, Usage(), seconds=float(event.data["observation"].get("seconds", 0.0)))
        elif event.kind == LOST:
            self._spent = self._spent + Spending.model_validate(event.data["spent"])
        elif event.kind == CALLED_OFF:
            self._called_off = str(event.data["reason"])

    def _charge_all(self, attempts: Iterable[Attempt], event: Event) -> None:
        """Charge the failed sendings of a call, but for those that were told when they failed."""
        told = self._told.get(_call(event), [])
        for attempt in attempts:
            if attempt in told:
                told.remove(attempt)
            else:
                self._charge(attempt.cost, attempt.usage)

    def _charge(self, cost: float | None, usage: Usage, *, seconds: float = 0.0, steps: int = 0) -> None:
        unpriced = int(cost is None and (steps > 0 or usage != Usage()))  # a refusal costs nothing
        more = Spending(
            dollars=cost or 0.0,
            unpriced=unpriced,
            input=usage.input,
            output=usage.output,
            seconds=seconds,
            steps=steps,
        )
        self._spent = self._spent + more


def _call(event: Event) -> object:
    """Return what call an event is of."""
    return event.data.get("sample"), event.data.get("turn")
