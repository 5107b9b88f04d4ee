"""Grading the winner: the hidden tests run only once the selection is on disk."""

from __future__ import annotations

from pydantic import TypeAdapter

from envs.grading import Grade, grade
from envs.task import Task
from runs.base_room import BaseRoom
from runs.journal import Journal

GRADE = TypeAdapter(Grade)


async def grade_winner(task: Task, room: BaseRoom, patch: str, journal: Journal) -> Grade:
    """Return the grade of a final patch, from the journal when it has one.

    Raises:
        TaskError: the environment cannot be made.
    """
    recorded = journal.last("grade")
    if recorded is not None:
        return GRADE.validate_python(recorded)
    found = await grade(task, await room.root(), await room.host(), patch)
    await journal.append("grade", GRADE.dump_python(found, mode="json"))
    return found
