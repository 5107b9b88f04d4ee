"""Where tasks come from: the name before the slash says which source, the rest which task of it."""

from __future__ import annotations

import difflib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from envs.pypi import PypiSuite
from envs.suite import Row
from envs.task import Task, TaskError

Loader = Callable[[str, Path, Path | None], Awaitable[tuple[Task, Path]]]


async def find_task(spec: str, home: Path, suite: Path | None = None) -> tuple[Task, Path]:
    """Return a task by its name, and the host's git repository that holds its base commit.

    Args:
        spec: `source/id`, such as `pypi/funcy__2.0-1`.
        home: the cache folder.
        suite: a manifest of one's own instead of the shipped one.

    Raises:
        TaskError: there is no such source or task, or it cannot be fetched.
    """
    source, instance_id = _parts(spec)
    return await SOURCES[source](instance_id, home, suite)


def task_ids(suite: Path | None = None) -> tuple[str, ...]:
    """Return the names of the tasks of a suite, as `find_task` takes them.

    Raises:
        TaskError: the suite cannot be read.
    """
    return tuple(f"pypi/{instance_id}" for instance_id in PypiSuite(suite).ids())


def public_row(spec: str, suite: Path | None = None) -> Mapping[str, str]:
    """Return what may be shown of a task without fetching it: nothing of its fix or its tests.

    Raises:
        TaskError: there is no such task.
    """
    row: Row = PypiSuite(suite).row(_parts(spec)[1])
    return {
        "task": f"pypi/{row.id}",
        "package": f"{row.package} {row.buggy_version}",
        "tier": str(row.tier),
        "python": row.python,
        "issue": row.problem_statement,
    }


async def _pypi(instance_id: str, home: Path, suite: Path | None) -> tuple[Task, Path]:
    return await PypiSuite(suite).load(instance_id, home)


SOURCES: Mapping[str, Loader] = {"pypi": _pypi}


def _parts(spec: str) -> tuple[str, str]:
    source, separator, instance_id = spec.partition("/")
    if separator and source in SOURCES:
        return source, instance_id
    if not separator and (near := difflib.get_close_matches(f"pypi/{spec}", task_ids(), n=1, cutoff=0.8)):
        raise TaskError(f"there is no task {spec}; did you mean {near[0]}? `mangabey tasks list` lists all")
    known = ", ".join(f"{name}/ID" for name in SOURCES)
    raise TaskError(f"{spec!r} names no task; write {known}, as `mangabey tasks list` does")
