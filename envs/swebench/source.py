"""A data set of the SWE-bench family as a source of tasks."""

from __future__ import annotations

import asyncio
import difflib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from envs.mirrors import repository_with
from envs.patches import split
from envs.swebench.commands import agents_runner, log_parser, test_command, with_tests
from envs.swebench.families import Family
from envs.swebench.r2e import r2e_expected
from envs.swebench.reading import HubRows, Rows, RowsFile
from envs.swebench.reverse import reversed_patch
from envs.swebench.rows import Row
from envs.task import Build, Environment, Grading, Sealed, Task, TaskError
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
        environment = environment_of(row, self._family)
        facts = {
            "repository": row.repo,
            "base": row.base_commit,
            "image": environment.image or ("made here" if environment.build else "none"),
            "issue": row.problem_statement,
        }
        return {name: value for name, value in facts.items() if value}

    def image_of(self, instance_id: str) -> str | None:
        """Return the image that a task runs in; see `envs.sources.images`."""
        return environment_of(self._row(instance_id), self._family).image

    async def load(self, instance_id: str, home: Path) -> tuple[Task, Path | None]:
        """Return a task, whose repository is in its image or has to be fetched; see `Source.load`."""
        row = await asyncio.to_thread(self._row, instance_id)
        task = to_task(row, self._family)
        if task.environment.image or not task.environment.build:
            return task, None
        return task, await asyncio.to_thread(
            lambda: repository_with(row.repo, task.base_commit, home.resolve())
        )

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


def grading_of(row: Row, family: Family) -> Grading:
    """Return how a row is graded; columns that rows of older schemas lack are completed."""
    smith = _is_smith(family)
    command = row.test_command or (_smith_tests(row) if smith else _command(row))
    if row.environment and command:
        command = f"{row.environment}\n{command}"
    return Grading(
        test_patch=row.test_patch,
        test_command=command,
        fail_to_pass=row.fail_to_pass,
        pass_to_pass=row.pass_to_pass,
        test_files=row.test_files or _test_files(row, smith=smith),
        gold_patch=reversed_patch(row.patch) if smith else row.patch,
        log_parser=_parser(row, family, command),
        eval_script=row.eval_script,
        eval_type=row.eval_type,
        version=row.version,
        bug_patch=row.patch if smith else "",
        known_failures=row.known_failures,
        expected=r2e_expected(row.expected),
    )


def _is_smith(family: Family) -> bool:
    """Whether the rows are bugs made in a repository whose own tests show them."""
    return family.dataset.endswith("SWE-smith")


def _command(row: Row) -> str:
    """Return the official command of a row that brings none as a whole."""
    if row.runner:
        return with_tests(row.runner, row.repo, row.test_patch)
    return test_command(row.repo, row.test_patch)


def _parser(row: Row, family: Family, command: str) -> str:
    if family.rule == "r2e":
        return "r2e"
    if row.log_parser == "pytest":  # SWE-bench-Live
        return "parse_log_pytest"
    return row.log_parser or log_parser(row.repo, command)


def _test_files(row: Row, *, smith: bool) -> tuple[str, ...]:
    if smith:
        return tuple(dict.fromkeys(one.partition("::")[0] for one in row.fail_to_pass if "::" in one))
    return tuple(dict.fromkeys(part.path for part in split(row.test_patch)))


def _smith_tests(row: Row) -> str:
    """Return the command for an instance of SWE-smith in Python: all files of its tests."""
    files = dict.fromkeys(
        one.partition("::")[0] for one in (*row.fail_to_pass, *row.pass_to_pass) if "::" in one
    )
    python = [file for file in files if file.endswith(".py")]
    words = ["pytest --disable-warnings --color=no --tb=no --verbose -rA", *map(shlex.quote, python)]
    return " ".join(words) if python else ""
