"""What is to be solved: a task of a suite, or a local repository with an issue; and with what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.task import Task
from runs.failures import UsageError
from runs.recipe import Recipe

_ISSUE = re.compile(r"/([\w.-]+)/([\w.-]+)/\w+/(\d+)")


@dataclass(frozen=True, slots=True)
class Job:
    """One issue's work order, complete enough to be taken up again from its `run.json`.

    Either `task` names an instance (`pypi/ID`) or an issue of GitHub, or `repo` is a local checkout and
    `issue` its problem statement. `at` is the commit, branch or tag to solve a GitHub issue at, and
    `comments` adds its discussion. `python` is the interpreter or virtual environment a local repository's
    tests run with.
    `candidates` are files with patches from elsewhere that join the pool.
    """

    recipe: Recipe
    home: Path
    task: str | None = None
    suite: Path | None = None
    repo: Path | None = None
    issue: str | None = None
    python: Path | None = None
    candidates: tuple[Path, ...] = ()
    plant_cheater: bool = False
    at: str | None = None
    comments: bool = False

    @property
    def is_github(self) -> bool:
        """Whether the task is an address, of an issue of GitHub."""
        return self.task is not None and self.task.startswith(("http://", "https://"))

    @property
    def name(self) -> str:
        """A short name for folders."""
        whole = (self.task or str(self.repo)).rstrip("/")
        issue = _ISSUE.search(whole) if self.is_github else None
        return f"{issue[1]}__{issue[2]}-{issue[3]}" if issue else whole.rsplit("/", 1)[-1]

    def check(self) -> None:
        """Refuse an order that does not say what to solve, before anything is written.

        Raises:
            UsageError: it names nothing, or two things.
        """
        if (self.at or self.comments) and not self.is_github:
            raise UsageError("--at and --comments go with the address of a GitHub issue as --task")
        if self.recipe.image == "build" and (self.task is None or self.is_github or _is_pypi(self.task)):
            raise UsageError(
                "--image build makes images for rows of a data set; name an image, or leave it out"
            )
        if self.task is not None:
            if self.repo is not None or self.issue is not None:
                raise UsageError("--task brings its own repository and issue; leave out --repo and --issue")
            if self.python and not self.is_github:
                raise UsageError("--python goes with --repo; a task brings its own environment")
            return
        if self.repo is None or self.issue is None:
            raise UsageError(
                "say what to solve: --task SOURCE/ID, --task ISSUE_URL, "
                "or --repo PATH with --issue FILE_OR_TEXT"
            )
        if not self.issue.strip():
            raise UsageError("the issue is empty; say what is wrong and what is expected")

    async def find(self) -> tuple[Task, Path | None]:
        """Return the task and the host's git repository that holds its base commit.

        Raises:
            TaskError: there is no such task, repository or package.
        """
        if self.is_github:
            from envs.github import load_issue

            assert self.task is not None
            return await load_issue(
                self.task, self.home, at=self.at, comments=self.comments, python=self.python
            )
        if self.task is not None:
            from envs.sources import find_task

            return await find_task(self.task, self.home, self.suite, self.recipe.image or "")
        from envs.local import load_local

        self.check()
        assert self.repo is not None
        assert self.issue is not None
        return await load_local(self.repo, self.issue, self.home, self.python)

    def to_json(self) -> dict[str, Any]:
        """Return the order for `run.json`."""
        return {
            "recipe": self.recipe.model_dump(mode="json"),
            "task": self.task,
            "suite": _text(self.suite),
            "repo": _text(self.repo),
            "issue": self.issue,
            "python": _text(self.python),
            "candidates": [str(path) for path in self.candidates],
            "plant_cheater": self.plant_cheater,
            "at": self.at,
            "comments": self.comments,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any], home: Path) -> Job:
        """Return the order that a `run.json` holds.

        Raises:
            UsageError: it is not one.
        """
        try:
            return cls(
                recipe=Recipe.model_validate(data["recipe"]),
                home=home,
                task=data["task"],
                suite=_path(data["suite"]),
                repo=_path(data["repo"]),
                issue=data["issue"],
                python=_path(data["python"]),
                candidates=tuple(Path(path) for path in data["candidates"]),
                plant_cheater=data["plant_cheater"],
                at=data.get("at"),
                comments=data.get("comments", False),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"run.json does not hold a run's order ({error}); start anew without --resume"
            ) from error


def _is_pypi(task: str) -> bool:
    return task.startswith("pypi/")


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
