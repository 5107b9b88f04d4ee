"""Ended trajectories, as the journal keeps them."""

from __future__ import annotations

from agent.summary import summarise
from agent.trajectory import ExitReason, Trajectory
from runs.journal import Journal
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
