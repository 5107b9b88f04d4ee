"""Ended trajectories, as the journal keeps them."""

from __future__ import annotations

from collections.abc import Iterable

from agent import dialect
from agent.messages import Reply
from agent.summary import summarise
from agent.trajectory import ExitReason, Observation, Trajectory, Turn
from runs.journal import Event, Journal
from runs.variation import Variation

INFRASTRUCTURE = (ExitReason.MODEL_ERROR, ExitReason.SANDBOX_ERROR, ExitReason.ERROR)
"""Endings that say nothing about the issue; a resumed run takes such a trajectory up again."""
KIND = "trajectory"


def recorded(journal: Journal) -> dict[int, Trajectory]:
    """Return the ended trajectories of a journal by sample; their turns are separate events."""
    return {
        event.data["sample"]: Trajectory.model_validate(event.data["trajectory"])
        for event in journal.of(KIND)
    }


def whole(trajectory: Trajectory, events: Iterable[Event]) -> Trajectory:
    """Return a recorded trajectory with the turns that its journal's events hold."""
    said: dict[int, Reply] = {}
    seen: dict[int, dict[int, Observation]] = {}
    for event in events:
        if event.data.get("sample") != trajectory.sample:
            continue
        if event.kind == "reply":
            said[event.data["turn"]] = _understood(Reply.model_validate(event.data["reply"]))
        elif event.kind == "observation":
            of_turn = seen.setdefault(event.data["turn"], {})
            of_turn[event.data["index"]] = Observation.model_validate(event.data["observation"])
    turns = tuple(
        Turn(reply=reply, observations=tuple(one for _, one in sorted(seen.get(turn, {}).items())))
        for turn, reply in sorted(said.items())
    )
    return trajectory.model_copy(update={"turns": turns})


def _understood(reply: Reply) -> Reply:
    """Return a reply with its calls: the journal keeps what was said, not what was understood."""
    if reply.tool_calls:
        return reply
    return reply.model_copy(update={"tool_calls": dialect.parse(reply.text, prefix="c").calls})


def variations(journal: Journal) -> dict[int, Variation]:
    """Return what set each ended trajectory apart, by sample."""
    return {
        event.data["sample"]: Variation.model_validate(event.data["drawn"])
        for event in journal.of(KIND)
        if "drawn" in event.data
    }


def summaries(journal: Journal) -> dict[int, str]:
    """Return what each ended trajectory leaves to a reader, by sample."""
    return {event.data["sample"]: str(event.data.get("summary", "")) for event in journal.of(KIND)}


async def record(trajectory: Trajectory, drawn: Variation, journal: Journal) -> None:
    """Record an ended trajectory, and what set it apart from the others."""
    data = {
        "sample": trajectory.sample,
        "trajectory": trajectory.model_copy(update={"turns": ()}).model_dump(mode="json"),
        "drawn": drawn.model_dump(mode="json"),
        "summary": summarise(trajectory),
    }
    await journal.append(KIND, data)
