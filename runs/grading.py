"""Grading the winner: the hidden tests run only once the selection is on disk."""

from __future__ import annotations

from dataclasses import replace

from pydantic import TypeAdapter

from envs.grading import Grade, GradeStatus, grade
from envs.task import Task
from runs.base_room import BaseRoom
from runs.graded import why_broken
from runs.journal import Journal
from runs.taking_up import standing
from sandbox.base import SandboxError

GRADE = TypeAdapter(Grade)
UNGRADED = "ungraded"
"""Kind of the event that keeps a grade that is no verdict."""


class UngradedError(RuntimeError):
    """The hidden tests ran and say nothing of the patch: their environment is broken."""


async def grade_winner(task: Task, room: BaseRoom, patch: str, journal: Journal) -> Grade:
    """Return the verdict on a final patch, from the journal when it has one.

    Raises:
        TaskError: the environment cannot be made.
        SandboxError: the sandbox failed, which says nothing of the patch; nothing is recorded.
        UngradedError: the environment is broken, which says nothing of the patch either.
    """
    recorded = recorded_verdict(journal)
    if recorded is not None:
        return recorded
    found = await grade(task, await room.prepared(), await room.host(), patch, limits=room.limits)
    if found.status is GradeStatus.INFRASTRUCTURE:
        raise SandboxError(f"the patch could not be graded: {found.message}; try again with --resume")
    data = GRADE.dump_python(replace(found, log=""), mode="json")
    await journal.append("grade" if found.status.is_verdict else UNGRADED, data)
    if not found.status.is_verdict:
        why = found.message or why_broken(found) or found.status.value
        raise UngradedError(f"the patch could not be graded: {why}")
    return found


def recorded_verdict(journal: Journal) -> Grade | None:
    """Return the verdict that a journal holds; None where it holds no grade, or one that is no verdict."""
    recorded = standing(journal, "grade")
    found = GRADE.validate_python(recorded) if recorded is not None else None
    return found if found is not None and found.status.is_verdict else None
