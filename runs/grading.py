"""Grading the winner: the hidden tests run only once the selection is on disk."""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter

from envs.grading import Grade, GradeStatus, grade
from envs.task import Task
from runs.base_room import BaseRoom
from runs.journal import Journal
from sandbox.base import SandboxError

GRADE = TypeAdapter(Grade)


async def grade_winner(task: Task, room: BaseRoom, patch: str, journal: Journal) -> Grade:
    """Return the grade of a final patch, from the journal when it has one.

    Raises:
        TaskError: the environment cannot be made.
        SandboxError: the sandbox failed, which says nothing of the patch; nothing is recorded.
    """
    recorded = journal.last("grade")
    if recorded is not None:
        return GRADE.validate_python(recorded)
    found = await grade(task, await room.prepared(), await room.host(), patch, limits=room.limits)
    if found.status is GradeStatus.INFRASTRUCTURE:
        raise SandboxError(f"the patch could not be graded: {found.message}; try again with --resume")
    await journal.append("grade", GRADE.dump_python(replace(found, log=""), mode="json"))
    return found
