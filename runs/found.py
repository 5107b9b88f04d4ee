"""A task made of a local checkout, kept in `run.json`, so that a resumed run works on the same state."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from envs.task import Environment, Task
from runs.failures import UsageError

ENVIRONMENT = TypeAdapter(Environment)


def to_json(task: Task, repository: Path) -> dict[str, Any]:
    """Return what is needed to have the task again; such a task has no sealed part."""
    return {
        "instance_id": task.instance_id,
        "repo": task.repo,
        "base_commit": task.base_commit,
        "problem_statement": task.problem_statement,
        "test_runner": task.test_runner,
        "environment": ENVIRONMENT.dump_python(task.environment, mode="json"),
        "repository": str(repository),
    }


def from_json(data: Mapping[str, Any]) -> tuple[Task, Path]:
    """Return the task and the repository that holds its base commit.

    Raises:
        UsageError: that is no such record.
    """
    try:
        task = Task(
            instance_id=data["instance_id"],
            repo=data["repo"],
            base_commit=data["base_commit"],
            problem_statement=data["problem_statement"],
            environment=ENVIRONMENT.validate_python(data["environment"]),
            test_runner=data["test_runner"],
        )
        return task, Path(data["repository"])
    except (KeyError, TypeError, ValidationError) as error:
        raise UsageError(f"run.json is damaged ({error}); start anew without --resume") from error
