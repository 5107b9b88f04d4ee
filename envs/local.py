"""A task made of any local git checkout and a text."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from envs.checkout import Checkout, read_checkout
from envs.declared import declared_requirements
from envs.git import git
from envs.task import Environment, Task, TaskError
from envs.venvs import has_package

_TIMEOUT = 60


async def load_local(
    path: Path, issue_text: str, home: Path, python: Path | None = None
) -> tuple[Task, Path]:
    """Return a task for a checkout, and the git repository that holds its base commit.

    The base is HEAD with the uncommitted changes on top; the checkout itself is only read. The tests run in
    the environment given, else in the checkout's own `.venv` or `venv`, else in the active one, else in one
    that is made from the requirements the project declares. `Task.extra["notices"]` says what was decided.

    Args:
        path: the top folder of the checkout.
        issue_text: the problem statement.
        home: the cache folder.
        python: an interpreter or a virtual environment that can run the tests.

    Raises:
        TaskError: there is no checkout with a commit, the issue is empty, or the interpreter has no pytest.
    """
    return await asyncio.to_thread(_load, path, issue_text, home, python)


def _load(path: Path, issue_text: str, home: Path, python: Path | None) -> tuple[Task, Path]:
    if not issue_text.strip():
        raise TaskError("the issue is empty; write what happens and what should happen")
    checkout = read_checkout(path, home.resolve())
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.resolve().name).strip("-.") or "repository"
    digest = hashlib.sha256(issue_text.encode("utf-8", "surrogateescape")).hexdigest()
    task = task_of(
        checkout,
        path,
        python,
        instance_id=f"{name}__{checkout.base_commit[:8]}-{digest[:6]}",
        repo=f"local/{name}",
        problem_statement=issue_text,
    )
    return task, checkout.repository


def task_of(
    checkout: Checkout,
    folder: Path,
    python: Path | None,
    *,
    instance_id: str,
    repo: str,
    problem_statement: str,
) -> Task:
    """Return the task of a base commit; where its tests run is decided by the files of its checkout.

    Args:
        checkout: the base commit, and the notices so far.
        folder: the top folder of a checkout of it.
        python: an interpreter or a virtual environment that can run the tests.
        instance_id: the task's name.
        repo: the repository's name.
        problem_statement: the issue.

    Raises:
        TaskError: the interpreter has no pytest.
    """
    notices = list(checkout.notices)
    environment = _environment(folder, python, notices)
    return Task(
        instance_id=instance_id,
        repo=repo,
        base_commit=checkout.base_commit,
        problem_statement=problem_statement,
        environment=environment,
        test_runner=_test_runner(folder, environment),
        extra={"notices": tuple(notices)},
    )


def _environment(path: Path, python: Path | None, notices: list[str]) -> Environment:
    """Choose where the tests run, and note what was decided for the user."""
    if python is not None:
        if not has_package(python, "pytest"):
            raise TaskError(f"{python} has no pytest; install it there or give another environment")
        return Environment(python=str(python.absolute()))
    for folder in _environments(path, notices):
        if has_package(folder, "pytest"):
            notices.append(f"the tests run in the environment {folder}")
            return Environment(python=str(folder.absolute()))
        notices.append(f"the environment {folder} has no pytest and is not used")
    requirements = declared_requirements(path)
    notices.append(
        f"the tests run in a new environment with {len(requirements)} declared requirements and pytest"
    )
    if (path / "setup.py").is_file() and not requirements:
        notices.append(
            "requirements that only setup.py knows are not installed; name an environment that has them"
        )
    return Environment(requirements=(*requirements, "pytest", "pytest-timeout"))


def _environments(path: Path, notices: list[str]) -> Iterator[Path]:
    """Yield environments to try; one that the repository itself brings is never run on the host."""
    active = os.environ.get("VIRTUAL_ENV", "")
    foreign = active and Path(active).resolve() != Path(sys.prefix).resolve()
    for folder in (path / ".venv", path / "venv", *([Path(active)] if foreign else [])):
        if not (folder / "pyvenv.cfg").is_file() or not (folder / "bin" / "python").exists():
            continue
        if folder.parent == path and git(path, "ls-files", "--", folder.name):
            notices.append(f"the environment {folder} belongs to the repository and is not used")
            continue
        yield folder


def _test_runner(path: Path, environment: Environment) -> str:
    places = "$PWD/src:$PWD" if (path / "src").is_dir() else "$PWD"
    limited = not environment.python or has_package(Path(environment.python), "pytest_timeout")
    limit = f" --timeout={_TIMEOUT}" if limited else ""
    return f'PYTHONPATH="{places}" python -m pytest -p no:cacheprovider -o addopts={limit}'
