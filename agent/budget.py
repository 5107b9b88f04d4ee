"""What one trajectory may use, and what is left of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.messages import Usage
from agent.trajectory import ExitReason, Turn


@dataclass(frozen=True, slots=True)
class Budget:
    """What one trajectory may use at most.

    `steps` counts replies, `seconds` wall time of replies and tools, `tokens` input and output together.
    None means no limit.
    """

    steps: int = 60
    seconds: float = 1800.0
    dollars: float | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a trajectory has used so far.

    `dollars` is None when the price of a reply is not known; `known_dollars` adds up those that are.
    """

    steps: int
    seconds: float
    dollars: float | None
    usage: Usage
    known_dollars: float = 0.0


def spent(turns: Sequence[Turn]) -> Spent:
    """Add up the turns of a trajectory."""
    prices = [turn.reply.cost for turn in turns]
    known = [price for price in prices if price is not None]
    return Spent(
        steps=len(turns),
        seconds=sum(turn.reply.seconds + sum(seen.seconds for seen in turn.observations) for turn in turns),
        dollars=sum(known) if len(known) == len(prices) else None,
        known_dollars=sum(known),
        usage=Usage(
            input=sum(turn.reply.usage.input for turn in turns),
            cached_input=sum(turn.reply.usage.cached_input for turn in turns),
            output=sum(turn.reply.usage.output for turn in turns),
            reasoning=sum(turn.reply.usage.reasoning for turn in turns),
        ),
    )


def exceeded(budget: Budget, used: Spent) -> tuple[ExitReason, str] | None:
    """Return why no further reply may be asked for, and in words; None when one may."""
    if used.steps >= budget.steps:
        return ExitReason.STEP_LIMIT, f"all {budget.steps} steps are used"
    if budget.dollars is not None and used.known_dollars >= budget.dollars:
        return ExitReason.COST_LIMIT, f"${used.known_dollars:.2f} of ${budget.dollars:.2f} are used"
    tokens = used.usage.input + used.usage.output
    if budget.tokens is not None and tokens >= budget.tokens:
        return ExitReason.COST_LIMIT, f"{tokens} of {budget.tokens} tokens are used"
    return None


def remaining(budget: Budget, used: Spent) -> str:
    """Return what is left in one line for the model."""
    steps = budget.steps - used.steps
    parts = [f"{steps} of {budget.steps} steps", f"{max(0.0, budget.seconds - used.seconds):.0f} s"]
    if budget.dollars is not None:
        known = used.dollars is not None
        parts.append(
            f"${max(0.0, budget.dollars - (used.dollars or 0)):.2f}" if known else "dollars: price unknown"
        )
    if budget.tokens is not None:
        parts.append(f"{max(0, budget.tokens - used.usage.input - used.usage.output)} tokens")
    last = "; this is the last step: submit now" if steps == 1 else ""
    return f"[budget left: {', '.join(parts)}{last}]"
