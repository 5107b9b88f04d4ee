"""Inputs on which the leading programs of an issue disagree, though no test does; no model is asked."""

from __future__ import annotations

from envs.task import PublicTask
from runs.base_room import BaseRoom
from runs.readers import with_needs
from runs.recipe import Recipe
from sandbox.base import SandboxError
from selection.cells import CellStore
from selection.differences.inputs import TOTAL, differing_inputs
from selection.differences.leading import Disagreement, disagreements, leading
from selection.evidence import Evidence
from selection.verdict import Selection

ROW_SECONDS = 15.0
"""Time of all programs in one row where they are run for people alone."""


async def inputs_between(
    task: PublicTask,
    room: BaseRoom,
    evidence: Evidence,
    selection: Selection,
    recipe: Recipe,
    cells: CellStore,
    place: str,
) -> tuple[tuple[Disagreement, ...], tuple[str, ...]]:
    """Return the inputs on which the leading programs disagree, and what went wrong in looking for them.

    Nothing is run where a test tells the best program from all others, nor what readers were shown already.
    """
    settings = with_needs(recipe).selection
    rows = leading(evidence, selection, settings.inputs)
    if not rows:
        return (), ()
    ids = {id_ for row in rows for id_ in evidence.clusters.members[row]}
    read = settings.differences  # readers were shown inputs of all programs
    looked, seconds = (evidence, TOTAL) if read else (evidence.only(ids), ROW_SECONDS)
    try:
        found = await differing_inputs(
            looked, await room.base(), cells=cells, commit=task.base_commit, place=place, seconds=seconds
        )
    except SandboxError as error:
        return (), (f"looking for inputs: {error}",)
    except Exception as error:  # what is shown beside a decision must not cost it
        return (), (f"looking for inputs failed: {type(error).__name__}: {error}",)
    return disagreements(found, rows), ()
