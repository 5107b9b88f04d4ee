"""What is to be solved: a task of a suite, or a local repository with an issue; and with what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envs.task import Task
from runs.failures import UsageError
from runs.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Job:
    """One issue's work order, complete enough to be taken up again from its `run.json`.

    Either `task` names an instance (`pypi/ID`), or `repo` is a local checkout and `issue` its problem
    statement. `python` is the interpreter or virtual environment a local repository's tests run with.
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

    def check(self) -> None:
        """Refuse an order that does not say what to solve, before anything is written.

        Raises:
            UsageError: it names nothing, or two things.
        """
        if self.task is not None:
            if self.repo is not None or self.issue is not None:
                raise UsageError("--task brings its own repository and issue; leave out --repo and --issue")
            return
        if self.repo is None or self.issue is None:
            raise UsageError("say what to solve: --task pypi/ID, or --repo PATH with --issue FILE_OR_TEXT")
        if not self.issue.strip():
            raise UsageError("the issue is empty; say what is wrong and what is expected")

    async def find(self) -> tuple[Task, Path]:
        """Return the task and the host's git repository that holds its base commit.

        Raises:
            TaskError: there is no such task, repository or package.
        """
        if self.task is not None:
            from envs.sources import find_task

            return await find_task(self.task, self.home, self.suite)
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
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"run.json does not hold a run's order ({error}); start anew without --resume"
            ) from error


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
