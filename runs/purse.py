"""What may be spent, what is spent, and what is set aside for calls under way; for an issue and for a run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from agent.budget import SpentError
from agent.messages import Value
from agent.trajectory import ExitReason
from agent.waiting import off_the_clock
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


class Prices:
    """What a call may cost, judged by the dearest so far and the longest prompt that has been settled."""

    def __init__(self) -> None:
        self._dollars = 0.0
        self._tokens = 0
        self._prompt = 0
        self.known = False

    def learn(self, dollars: float | None, tokens: int) -> None:
        """Take in what a reply has cost; None for a price that is not known."""
        self.known = True
        self._dollars = max(self._dollars, dollars or 0.0)
        self._tokens = max(self._tokens, tokens)

    def settle(self, prompt: int) -> None:
        """Take in that a call with a prompt of so many tokens has ended."""
        self._prompt = max(self._prompt, prompt)

    def estimate(self, prompt: int) -> Held:
        """Return what a call may cost: as much as the dearest, and more where its prompt is longer."""
        growth = max(1.0, prompt / self._prompt) if self._prompt else 1.0
        return Held(self._dollars * growth, round(self._tokens * growth))


@dataclass(frozen=True, slots=True)
class Held:
    """What is set aside for one call."""

    dollars: float
    tokens: int


class Purse:
    """An allowance, and what is spent and set aside of it.

    What is set aside counts as spent until its call has ended, so calls that run side by side cannot spend
    the same money. While no price is known, one call goes ahead to find out what they cost where that is
    limited. For a model that tells no price dollars bound nothing, which `Spending.price` says.

    Args:
        whose: `issue` or `run`, in messages.
        allowance: what may be spent.
        spent: returns what is spent now.
    """

    def __init__(self, whose: str, allowance: Allowance, spent: Callable[[], Spending]) -> None:
        self.allowance = allowance
        self.prices = Prices()
        self._whose = whose
        self._spent = spent
        self._held: list[Held] = []
        self._holders: list[Work] = []
        self._change = asyncio.Event()

    def used_up(self) -> Over | None:
        """Return why nothing more may be spent, None while one more call like the dearest fits."""
        one = self.prices.estimate(0)
        return self._over(self._spent(), one.dollars, one.tokens, 0)

    @asynccontextmanager
    async def reserved(self, prompt: int) -> AsyncIterator[None]:
        """Set aside what a call may cost; see `agent.budget.Common.reserved`.

        Raises:
            SpentError: it does not fit, with nothing else set aside.
        """
        with off_the_clock(f"money of the {self._whose}", lambda: self._holders):
            held = await self._hold(prompt)
        work = take()
        self._holders.append(work)
        try:
            yield
        finally:
            self.prices.settle(prompt)
            self._holders.remove(work)
            give_back(work)
            self._held.remove(held)
            self._change.set()

    async def _hold(self, prompt: int) -> Held:
        while True:
            held = self.prices.estimate(prompt)
            over = self.used_up() or self._over(
                self._spent(),
                held.dollars + sum(one.dollars for one in self._held),
                held.tokens + sum(one.tokens for one in self._held),
                len(self._held),
            )
            if over is None and not self._is_found_out():
                self._held.append(held)
                return held
            if over is not None and not self._held:
                raise SpentError(*over)
            self._change = asyncio.Event() if self._change.is_set() else self._change
            await self._change.wait()

    def _is_found_out(self) -> bool:
        """Whether another call is about to find out what calls cost."""
        limited = self.allowance.dollars is not None or self.allowance.tokens is not None
        return limited and not self.prices.known and bool(self._held)

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
        super().__init__("run", allowance, lambda: self._total)

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
