"""What one trajectory may use, and what is left of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from agent.messages import Attempt, Reply, Usage
from agent.trajectory import ExitReason, Turn


class RunEndedError(RuntimeError):
    """Nothing more may be done in the whole run, of which this is a part; it goes on another time."""


class SpentError(Exception):
    """A call does not fit into what is left; carries why, and in words."""

    def __init__(self, reason: ExitReason, words: str) -> None:
        super().__init__(words)
        self.reason = reason
        self.words = words


@dataclass(frozen=True, slots=True)
class Call:
    """A call before it is made: its model's name, tokens of the prompt by estimate, and most of the reply."""

    model: str
    prompt: int
    reply: int


Answered = Callable[[float | None, Usage], None]
"""Is told what a call has cost, in dollars where its price is known, and its tokens."""


class Common(Protocol):
    """What several trajectories may use together."""

    def exceeded(self) -> tuple[ExitReason, str] | None:
        """Return why none of them may ask for a further reply, and in words; None when they may."""

    def reserved(self, call: Call) -> AbstractAsyncContextManager[Answered]:
        """Set aside what a call may cost for a block that makes it, records the reply and says what it cost.

        It waits while others hold what is missing; they may need less.

        Raises:
            SpentError: it does not fit into what is left.
        """


@dataclass(frozen=True, slots=True)
class Budget:
    """What one trajectory may use at most.

    `steps` counts replies, `seconds` wall time of replies and tools, `tokens` input and output together.
    None means no limit. `common` is what it shares with others.
    """

    steps: int = 60
    seconds: float = 1800.0
    dollars: float | None = None
    tokens: int | None = None
    common: Common | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a trajectory has used so far, sendings that failed included.

    `dollars` is None when the price of a reply is not known; `known_dollars` adds up those that are.
    """

    steps: int
    seconds: float
    dollars: float | None
    usage: Usage
    known_dollars: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        """Return what both have used."""
        known = self.dollars is not None and other.dollars is not None
        return Spent(
            steps=self.steps + other.steps,
            seconds=self.seconds + other.seconds,
            dollars=(self.dollars or 0) + (other.dollars or 0) if known else None,
            known_dollars=self.known_dollars + other.known_dollars,
            usage=Usage.total((self.usage, other.usage)),
        )


def spent(turns: Sequence[Turn], failed: Sequence[Attempt] = ()) -> Spent:
    """Add up a trajectory.

    Args:
        turns: its turns.
        failed: the sendings of calls that failed in the end. They cost tokens and money but no time: the
            time that a dead server took must not be missing when the run is resumed.
    """
    attempts = [*failed, *(attempt for turn in turns for attempt in turn.reply.attempts)]
    # a failed sending without usage, a refusal for instance, is free
    charged = [attempt for attempt in attempts if attempt.cost is not None or attempt.usage != Usage()]
    prices = [turn.reply.cost for turn in turns] + [attempt.cost for attempt in charged]
    usages = [turn.reply.usage for turn in turns] + [attempt.usage for attempt in attempts]
    known = [price for price in prices if price is not None]
    return Spent(
        steps=len(turns),
        seconds=sum(
            seconds_of(turn.reply) + sum(seen.seconds for seen in turn.observations) for turn in turns
        ),
        dollars=sum(known) if len(known) == len(prices) else None,
        known_dollars=sum(known),
        usage=Usage.total(usages),
    )


def seconds_of(reply: Reply) -> float:
    """Return the wall time until a reply was there, failed sendings and the waits behind them included."""
    return reply.seconds + sum(attempt.seconds + attempt.waited for attempt in reply.attempts)


def exceeded(budget: Budget, used: Spent) -> tuple[ExitReason, str] | None:
    """Return why no further reply may be asked for, and in words; None when one may."""
    if used.steps >= budget.steps:
        return ExitReason.STEP_LIMIT, f"all {budget.steps} steps are used"
    if budget.dollars is not None and used.known_dollars >= budget.dollars:
        return ExitReason.COST_LIMIT, f"${used.known_dollars:.2f} of ${budget.dollars:.2f} are used"
    tokens = used.usage.input + used.usage.output
    if budget.tokens is not None and tokens >= budget.tokens:
        return ExitReason.COST_LIMIT, f"{tokens} of {budget.tokens} tokens are used"
    return budget.common.exceeded() if budget.common is not None else None


def remaining(budget: Budget, used: Spent, turns: tuple[int, int] | None = None) -> str:
    """Return what is left in one line for the model.

    Args:
        budget: what may be used.
        used: what was used.
        turns: what is left of a phase that has a limit of its own, and that limit.
    """
    steps = budget.steps - used.steps
    parts = [f"{steps} of {budget.steps} steps", f"{max(0.0, budget.seconds - used.seconds):.0f} s"]
    if budget.dollars is not None:
        known = used.dollars is not None
        parts.append(
            f"${max(0.0, budget.dollars - (used.dollars or 0)):.2f}" if known else "dollars: price unknown"
        )
    if budget.tokens is not None:
        parts.append(f"{max(0, budget.tokens - used.usage.input - used.usage.output)} tokens")
    last = "; this is the last step: finish now" if steps == 1 else ""
    phase = f"{turns[0]} of {turns[1]} turns of this phase, " if turns else ""
    return f"[budget left: {phase}{', '.join(parts)}{last}]"
