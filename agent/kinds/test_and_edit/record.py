"""What the turns so far come to; a resumed trajectory knows no more than its record says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.messages import ToolCall
from agent.trajectory import Observation, Turn


@dataclass(frozen=True, slots=True)
class OwnTest:
    """The test that a trajectory goes by, and what was said when it was accepted."""

    path: str
    content: str
    said: str


def actions(turns: Sequence[Turn]) -> Iterator[tuple[ToolCall, Observation]]:
    """Yield the action of each turn that had one, and what it returned."""
    for turn in turns:
        if turn.actions and turn.observations:
            yield turn.actions[0], turn.observations[0]


def times(turns: Sequence[Turn], tool: str, status: str) -> int:
    """Return how often a tool returned with a status."""
    return sum(call.name == tool and seen.status == status for call, seen in actions(turns))


def looked_at(turns: Sequence[Turn], limit: int) -> str:
    """Return what was looked at, each once, in order; beyond `limit` characters the first are left out."""
    texts = dict.fromkeys(
        seen.text for call, seen in actions(turns) if call.name == "look" and seen.status == "ok"
    )
    kept: list[str] = []
    for text in reversed(texts):
        limit -= len(text)
        if limit < 0:
            break
        kept.append(text)
    return "\n\n".join(reversed(kept))
