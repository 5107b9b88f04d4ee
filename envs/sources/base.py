"""The contract of a source of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from envs.task import Task


@runtime_checkable
class Source(Protocol):
    """A set of tasks, each known by an id that is unique in it."""

    def ids(self) -> Sequence[str]:
        """Return the ids of all tasks, in the set's own order.

        Raises:
            TaskError: the set cannot be read.
        """

    def describe(self, instance_id: str) -> Mapping[str, str]:
        """Return what may be shown of a task, nothing of its fix or tests; `issue` is the problem statement.

        Reports group by `repository` and `difficulty` (or `tier`), where they are there.

        Raises:
            TaskError: there is no such task.
        """

    async def load(self, instance_id: str, home: Path) -> tuple[Task, Path | None]:
        """Return a task, and a git repository of the host that holds its base commit.

        Args:
            instance_id: one of `ids`.
            home: the cache folder.

        Returns:
            The task, and None in place of the repository where the task's image holds it.

        Raises:
            TaskError: there is no such task, or what it needs cannot be fetched.
        """
