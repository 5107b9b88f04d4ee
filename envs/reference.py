"""What an evaluation needs of a task's sealed part: its own fix, what is set aside, what it is known by."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, replace

from envs.cache import content_key
from envs.task import Sealed, Task, TaskError


def reference_patch(task: Task) -> str:
    """Return a task's own fix, to be graded in place of a prediction.

    Raises:
        TaskError: the task has none.
    """
    patch = task.grading.unseal().gold_patch if task.grading else ""
    if not patch.strip():
        raise TaskError(f"{task.instance_id} has no reference fix")
    return patch


def setting_aside(task: Task, tests: Iterable[str]) -> Task:
    """Return a task in whose grading further tests of PASS_TO_PASS are not counted; its grades name them.

    Raises:
        TaskError: one of them is none of the task's PASS_TO_PASS.
    """
    names = tuple(dict.fromkeys(tests))
    if not names:
        return task
    if task.grading is None:
        raise TaskError(f"{task.instance_id} has no hidden tests to set aside")
    grading = task.grading.unseal()
    known = set(grading.pass_to_pass)
    if strange := [one for one in names if one not in known]:
        raise TaskError(f"{task.instance_id} has no PASS_TO_PASS test {strange[0]} to set aside")
    aside = tuple(dict.fromkeys((*grading.known_failures, *names)))
    return replace(task, grading=Sealed(replace(grading, known_failures=aside)))


def fingerprint(task: Task) -> str:
    """Return a short name for all that a task's verdict depends on; it tells nothing of what is sealed."""
    grading = asdict(task.grading.unseal()) if task.grading else None
    facts = [task.instance_id, task.base_commit, asdict(task.environment), grading]
    return content_key("task 1", json.dumps(facts, sort_keys=True, default=str))
