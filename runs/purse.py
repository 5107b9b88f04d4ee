"""What may be spent, what is spent, and what is set aside for calls under way; for an issue and for a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agent.budget import Answered, Call, SpentError
from agent.messages import Value
from agent.trajectory import ExitReason
from agent.waiting import off_the_clock
from runs.prices import Held, Prices
from runs.recipe import Allowance
from sandbox.work import Work, give_back, take

Over = tuple[ExitReason, str]


class Spending(Value):
    """What was used: known dollars, tokens, seconds of calls and tools, and steps (replies).

    `unpriced` counts replies whose price is not known: with some, the dollars are a lower bound.
    """

    dollars: float = 0.0
    unpriced: int = 0
    input: int = 0
    output: int = 0
    seconds: float = 0.0
    steps: int = 0

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input + self.output

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            dollars=self.dollars + other.dollars,
            unpriced=self.unpriced + other.unpriced,
            input=self.input + other.input,
            output=self.output + other.output,
            seconds=self.seconds + other.seconds,
            steps=self.steps + other.steps,
        )

    def price(self) -> str:
        """Return the dollars in words; a price that is not known is said and never zero."""
        if not self.unpriced:
            return f"${self.dollars:.2f}"
        if self.unpriced == self.steps:
            return "price unknown"
        return f"${self.dollars:.2f} and {self.unpriced} calls of unknown price"


@dataclass(frozen=True, slots=True, eq=False)
class _UnderWay:
    """A call under way: of which model, what is set aside for it, and whose work it is."""

    model: str
    held: Held
    work: Work


class Purse:
    """An allowance, and what is spent and set aside of it.

    What is set aside counts as spent until its call has ended. A call goes beside others only where all of
    them fit at the most that they can cost; where they do not, one goes alone, as long as what its model's
    dearest has cost fits. While a model's price is not known, one call of it goes ahead to find out where
    dollars are limited. For a model that tells no price dollars bound nothing, which `Spending.price` says.

    So dollars are passed at most by the first call of each model, and by what one call costs above the
    dearest before it; by more only where calls side by side cost more than `runs.prices.Price.bound`.

    Args:
        whose: `issue` or `run`, in messages.
        allowance: what may be spent.
        spent: returns what is spent now.
        prices: what calls cost.
    """

    def __init__(
        self, whose: str, allowance: Allowance, spent: Callable[[], Spending], prices: Prices
    ) -> None:
        self.allowance = allowance
        self.prices = prices
        self._whose = whose
        self._spent = spent
        self._under_way: list[_UnderWay] = []
        self._change = asyncio.Event()

    def used_up(self) -> Over | None:
        """Return why nothing more may be spent, None while one more call of the cheapest model fits."""
        one = self.prices.least()
        return self._over(self._spent(), one.dollars, one.tokens, 0)

    @asynccontextmanager
    async def reserved(self, call: Call) -> AsyncIterator[Answered]:
        """Set aside what a call may cost; see `agent.budget.Common.reserved`.

        Raises:
            SpentError: it does not fit, with nothing else set aside.
        """
        with off_the_clock(f"money of the {self._whose}", lambda: [one.work for one in self._under_way]):
            held = await self._fitting(call)
        one = _UnderWay(call.model, held, take())
        self._under_way.append(one)
        try:
            yield lambda dollars, usage: self.prices.learn(call, dollars, usage)
        finally:
            self._under_way.remove(one)
            give_back(one.work)
            self._change.set()

    async def _fitting(self, call: Call) -> Held:
        """Wait until a call fits, and return what is to be set aside for it."""
        while self._under_way:
            bound = self.prices.bound(call)
            if not self._is_probed(call.model) and self._fits_beside(bound):
                return bound
            self._change = asyncio.Event() if self._change.is_set() else self._change
            await self._change.wait()
        alone = self.prices.estimate(call)
        if over := self._over(self._spent(), alone.dollars, alone.tokens, 0):
            raise SpentError(*over)
        return self.prices.bound(call)

    def _fits_beside(self, bound: Held) -> bool:
        """Whether a call fits at the most that it and all calls under way can cost."""
        held = [bound, *(one.held for one in self._under_way)]
        dollars, tokens = sum(one.dollars for one in held), sum(one.tokens for one in held)
        return self._over(self._spent(), dollars, tokens, len(self._under_way)) is None

    def _is_probed(self, model: str) -> bool:
        """Whether a call is about to find out what a model costs."""
        if self.allowance.dollars is None or self.prices.is_known(model):
            return False
        return any(one.model == model for one in self._under_way)

    def _over(self, spent: Spending, dollars: float, tokens: int, steps: int) -> Over | None:
        """Return what would be passed with so much on top of what is spent."""
        allowed = self.allowance
        if allowed.dollars is not None and (words := _passed(spent.dollars, dollars, allowed.dollars)):
            return ExitReason.COST_LIMIT, f"the {self._whose}'s ${allowed.dollars:.2f} {words}"
        if allowed.tokens is not None and (words := _passed(spent.tokens, tokens, allowed.tokens)):
            return ExitReason.COST_LIMIT, f"the {self._whose}'s {allowed.tokens} tokens {words}"
        if allowed.steps is not None and spent.steps + steps >= allowed.steps:
            return ExitReason.STEP_LIMIT, f"the {self._whose}'s {allowed.steps} steps are used"
        if allowed.seconds is not None and spent.seconds >= allowed.seconds:
            return ExitReason.TIME_LIMIT, f"the {self._whose}'s {allowed.seconds:.0f} s are used"
        return None


def _passed(spent: float, more: float, allowed: float) -> str:
    """Return in words that a limit is reached, or would be passed; empty where it would not."""
    if spent >= allowed:
        return "are used"
    return "are too few for one more call" if spent + more > allowed else ""


class RunPurse(Purse):
    """The purse of a whole run: each issue says what it has spent so far, as often as it likes."""

    def __init__(self, allowance: Allowance) -> None:
        self._issues: dict[str, Spending] = {}
        self._total = Spending()
        super().__init__("run", allowance, lambda: self._total, Prices())

    @property
    def total(self) -> Spending:
        """What all issues have spent."""
        return self._total

    def put(self, issue: str, spent: Spending) -> None:
        """Take in all that an issue has spent, in this process or an earlier one."""
        before = self._issues.get(issue, Spending())
        self._issues[issue] = spent
        self._total = Spending(
            dollars=self._total.dollars + spent.dollars - before.dollars,
            unpriced=self._total.unpriced + spent.unpriced - before.unpriced,
            input=self._total.input + spent.input - before.input,
            output=self._total.output + spent.output - before.output,
            seconds=self._total.seconds + spent.seconds - before.seconds,
            steps=self._total.steps + spent.steps - before.steps,
        )
