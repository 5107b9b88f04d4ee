"""One ledger per issue: what its trajectories, and the models that read for all of them, have used."""

from __future__ import annotations

from collections.abc import Iterable

from agent.budget import seconds_of
from agent.messages import Attempt, Reply, Usage
from agent.trajectory import ExitReason
from runs.journal import Event, Journal
from runs.recipe import Allowance

CALLED_OFF = "called_off"
"""Kind of the event after which no trajectory takes another turn."""


class Ledger:
    """What an issue has used against its allowance; fulfils `agent.budget.Common`.

    Everything paid for is in the journal, so what a resumed run finds there counts.

    Attributes:
        dollars: known prices of replies and failed sendings.
        tokens: input and output of the same.
        seconds: wall time of replies and actions, added up over all. As in a trajectory's own
            budget, calls that failed in the end take none.
    """

    def __init__(self, journal: Journal, allowance: Allowance) -> None:
        self.dollars = 0.0
        self.tokens = 0
        self.seconds = 0.0
        self._journal = journal
        self._allowance = allowance
        self._read = 0
        self._called_off = ""
        self._told: dict[object, list[Attempt]] = {}

    def exceeded(self) -> tuple[ExitReason, str] | None:
        """Return why no trajectory may take another turn, None when they may."""
        self._read_on()
        if self._called_off:
            return ExitReason.CANCELLED, self._called_off
        return self.used_up()

    def used_up(self) -> tuple[ExitReason, str] | None:
        """Return what of the allowance is used up, None where nothing is."""
        self._read_on()
        allowed = self._allowance
        if allowed.dollars is not None and self.dollars >= allowed.dollars:
            return ExitReason.COST_LIMIT, f"the issue's ${allowed.dollars:.2f} are used"
        if allowed.tokens is not None and self.tokens >= allowed.tokens:
            return ExitReason.COST_LIMIT, f"the issue's {allowed.tokens} tokens are used"
        if allowed.seconds is not None and self.seconds >= allowed.seconds:
            return ExitReason.TIME_LIMIT, f"the issue's {allowed.seconds:.0f} s are used"
        return None

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
        while self._read < len(events):
            self._add(events[self._read])
            self._read += 1

    def _add(self, event: Event) -> None:
        match event.kind:
            case "reply" | "context_reply" | "selection_reply":
                reply = Reply.model_validate(event.data["reply"])
                self._charge(reply.cost, reply.usage)
                self._charge_all(reply.attempts, event)
                self.seconds += seconds_of(reply)
            case "failure" | "context_failure" | "selection_failure":
                self._charge_all([Attempt.model_validate(one) for one in event.data["attempts"]], event)
            case "attempt":
                attempt = Attempt.model_validate(event.data["attempt"])
                self._told.setdefault(_call(event), []).append(attempt)
                self._charge(attempt.cost, attempt.usage)
            case "observation":
                self.seconds += float(event.data["observation"].get("seconds", 0.0))
            case "called_off":
                self._called_off = str(event.data["reason"])

    def _charge_all(self, attempts: Iterable[Attempt], event: Event) -> None:
        """Charge the failed sendings of a call, but for those that were told when they failed."""
        told = self._told.get(_call(event), [])
        for attempt in attempts:
            if attempt in told:
                told.remove(attempt)
            else:
                self._charge(attempt.cost, attempt.usage)

    def _charge(self, cost: float | None, usage: Usage) -> None:
        self.dollars += cost or 0.0
        self.tokens += usage.input + usage.output


def _call(event: Event) -> object:
    """Return what call an event is of."""
    return event.data.get("sample"), event.data.get("turn")
