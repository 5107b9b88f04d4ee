"""A data set of the SWE-bench family as a source of tasks."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Mapping
from pathlib import Path

from envs.mirrors import repository_with
from envs.swebench.commands import agents_runner
from envs.swebench.families import FAMILIES, Family
from envs.swebench.gradings import grading_of
from envs.swebench.reading import HubRows, Rows, RowsFile
from envs.swebench.rows import Row
from envs.task import Build, Environment, Sealed, Task, TaskError
from sandbox.docker.images import PLATFORM

__all__ = ["HubRows", "RowSource", "RowsFile"]

_PROCESSORS = {"linux/arm64": "arm64", "linux/arm64/v8": "arm64"}


class RowSource:
    """The tasks of a data set; rows are read once, when first needed.

    Args:
        name: by which it is asked for.
        family: how its images are called and laid out.
        rows: where its rows come from.
        image: what every instance runs in, instead of what its row says; empty for that.
    """

    def __init__(self, name: str, family: Family, rows: Rows, image: str = "") -> None:
        self._name = name
        self._family = family
        self._rows = rows
        self._image = image
        self._read: Mapping[str, Row] | None = None

    def ids(self) -> tuple[str, ...]:
        """Return the ids of the tasks; see `Source.ids`."""
        return tuple(self._by_id())

    def describe(self, instance_id: str) -> Mapping[str, str]:
        """Return what may be shown of a task; see `Source.describe`."""
        row = self._row(instance_id)
        environment = environment_of(row, self._family_of(row))
        facts = {
            "repository": row.repo,
            "base": row.base_commit,
            "difficulty": row.difficulty,
            "image": environment.image or ("made here" if environment.build else "none"),
            "issue": row.problem_statement,
        }
        return {name: value for name, value in facts.items() if value}

    def image_of(self, instance_id: str) -> str | None:
        """Return the image that a task runs in; see `envs.sources.images`."""
        row = self._row(instance_id)
        return environment_of(row, self._family_of(row)).image

    async def load(self, instance_id: str, home: Path) -> tuple[Task, Path | None]:
        """Return a task, whose repository is in its image or has to be fetched; see `Source.load`."""
        row = await asyncio.to_thread(self._row, instance_id)
        task = to_task(row, self._family_of(row))
        if task.environment.image or not task.environment.build:
            return task, None
        return task, await asyncio.to_thread(
            lambda: repository_with(row.repo, task.base_commit, home.resolve())
        )

    def _family_of(self, row: Row) -> Family:
        """Return the data set of a row; in files of one's own those of SWE-bench Pro tell by their tag."""
        return self._family if self._family.dataset or not row.dockerhub_tag else FAMILIES["pro"]

    def _row(self, instance_id: str) -> Row:
        rows = self._by_id()
        if instance_id not in rows:
            near = difflib.get_close_matches(instance_id, rows, n=1, cutoff=0.4)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise TaskError(f"there is no task {instance_id} in {self._name}{hint}")
        return rows[instance_id]

    def _by_id(self) -> Mapping[str, Row]:
        if self._read is None:
            own = {"image": self._image} if self._image else {}
            self._read = {row.instance_id: row.model_copy(update=own) for row in self._rows.read()}
        return self._read


def to_task(row: Row, family: Family) -> Task:
    """Return the task of a row."""
    environment = environment_of(row, family)
    return Task(
        instance_id=row.instance_id,
        repo=row.repo,
        base_commit="" if family.rule == "r2e" else row.base_commit.lower(),
        problem_statement=row.problem_statement,
        environment=environment,
        test_runner=agents_runner(row.repo),
        grading=Sealed(grading_of(row, family)),
    )


def environment_of(row: Row, family: Family) -> Environment:
    """Return where a row's code runs: the image it names or that is published, or how one is made."""
    processor = _PROCESSORS.get(os.environ.get(PLATFORM, ""), "x86_64")
    image = "" if row.image == "build" else family.image(row, processor)
    asked = row.image == "build" or (not image and (row.requirements or row.install or row.base_image))
    build = Build(row.base_image, row.setup, row.pre_install, row.install) if asked else None
    return Environment(
        python=row.python,
        requirements=row.requirements,
        image=image or None,
        workdir=row.workdir or family.workdir,
        setup=row.setup if image else (),
        env={**(family.env if image else {}), **row.env},
        build=build,
        hidden=family.hidden,
        grades_as=family.grades_as if image else "agent",
    )
