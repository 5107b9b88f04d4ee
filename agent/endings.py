"""How a trajectory ends by what the model said, and what its last calls have in common."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from agent.messages import ToolCall
from agent.trajectory import ExitReason, Observation, Turn

UNREADABLE = 3
"""Replies in a row without a readable action that end a trajectory."""

ENDINGS = {"submit": ExitReason.SUBMITTED, "give_up": ExitReason.GAVE_UP}


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a trajectory ended, and in words."""

    reason: ExitReason
    message: str = ""


def ends(call: ToolCall, seen: Observation) -> bool:
    """Whether a call with what it returned ended the trajectory."""
    return call.name in ENDINGS and seen.status == "ok"


def ending_of(turns: Sequence[Turn]) -> Ending | None:
    """Return the ending that the last turn makes, by its words or by being unreadable once too often."""
    last = turns[-1]
    for call, seen in zip(last.actions, last.observations, strict=False):
        if ends(call, seen):
            words = call.arguments.get("message", call.arguments.get("reason", ""))
            return Ending(ENDINGS[call.name], str(words))
    recent = turns[-UNREADABLE:]
    if len(recent) == UNREADABLE and all(_is_unreadable(turn) for turn in recent):
        return Ending(ExitReason.FORMAT_ERRORS, f"{UNREADABLE} replies in a row held no readable action")
    return None


def repeats(turns: Sequence[Turn]) -> int:
    """Return how many times in a row the last call was made; 0 when the last turn made none."""
    if not turns[-1].actions:
        return 0
    last = turns[-1].actions[-1]
    backwards = (call for turn in reversed(turns) for call in reversed(turn.actions))
    same = itertools.takewhile(
        lambda call: (call.name, call.arguments) == (last.name, last.arguments), backwards
    )
    return sum(1 for _ in same)


def _is_unreadable(turn: Turn) -> bool:
    return all(seen.status == "format_error" for seen in turn.observations)
