"""How a trajectory ends, and what a model's last calls have in common."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agent.messages import ToolCall
from agent.trajectory import ExitReason, Turn

UNREADABLE = 3
"""Replies in a row without a readable action that end a trajectory."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a trajectory ended, and in words."""

    reason: ExitReason
    message: str = ""


def ending_of_call(call: ToolCall) -> Ending:
    """Return the ending that the model chose: `give_up`, or any other for a submission."""
    reason = ExitReason.GAVE_UP if call.name == "give_up" else ExitReason.SUBMITTED
    return Ending(reason, str(call.arguments.get("message", call.arguments.get("reason", ""))))


def unreadable(turns: Sequence[Turn]) -> Ending | None:
    """Return the ending of a model that was unreadable once too often in a row."""
    recent = turns[-UNREADABLE:]
    if len(recent) == UNREADABLE and all(is_unreadable(turn) for turn in recent):
        return Ending(ExitReason.FORMAT_ERRORS, f"{UNREADABLE} replies in a row held no readable action")
    return None


def repeats(turns: Sequence[Turn]) -> int:
    """Return how many times in a row the last call was made; 0 when the last turn made none."""
    if not turns[-1].actions:
        return 0
    last = _what(turns[-1].actions[-1])
    return sum(1 for _ in itertools.takewhile(lambda call: call == last, _backwards(turns)))


def alternations(turns: Sequence[Turn]) -> int:
    """Return how many times in a row the last two calls were made in turn; 0 where they are the same."""
    if not turns[-1].actions:
        return 0
    calls = _backwards(turns)
    pair = list(itertools.islice(calls, 2))
    if len(pair) < 2 or pair[0] == pair[1]:
        return 0
    pairs = iter(lambda: list(itertools.islice(calls, 2)), [])
    return 1 + sum(1 for _ in itertools.takewhile(lambda two: two == pair, pairs))


def _backwards(turns: Sequence[Turn]) -> Iterator[tuple[str, dict[str, Any]]]:
    return (_what(call) for turn in reversed(turns) for call in reversed(turn.actions))


def _what(call: ToolCall) -> tuple[str, dict[str, Any]]:
    return call.name, call.arguments


def is_unreadable(turn: Turn) -> bool:
    """Whether no action of a reply could be read."""
    return all(seen.status == "format_error" for seen in turn.observations)
