"""A task made of the URL of a GitHub issue."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from envs.cache import build_once
from envs.checkout import Checkout, notices_of
from envs.git import GitError, git
from envs.github_api import Issue, fetch_issue
from envs.github_env import HOST, NAME, OWNER, split_repo, web_host
from envs.local import task_of
from envs.mirrors import default_commit, named_commit, repository_with
from envs.task import Task, TaskError

_URL = re.compile(
    rf"https?://([^/?#@\s]+)/({OWNER})/({NAME})/(issues|pull)/([1-9][0-9]{{0,9}})/?(?:[?#]\S*)?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an issue is."""

    host: str
    owner: str
    name: str
    number: int

    @property
    def repo(self) -> str:
        return f"{self.owner}/{self.name}"


def is_issue_url(text: str) -> bool:
    """Return whether a text is nothing but the URL of an issue on github.com or MANGABEY_GITHUB's host."""
    return _place(text) is not None


async def load_issue(
    url: str, home: Path, *, at: str | None = None, comments: bool = False, python: Path | None = None
) -> tuple[Task, Path]:
    """Return a task for an issue on GitHub, and the git repository that holds its base commit.

    Environment and test runner are chosen as for a local checkout (`envs.local.load_local`).

    Args:
        url: the issue's URL.
        home: the cache folder.
        at: the base: a commit id, abbreviated or not, a branch or a tag; the default branch where None.
        comments: whether the issue's comments are part of the problem statement.
        python: an interpreter or a virtual environment that can run the tests.

    Raises:
        TaskError: it is no issue's URL, or the issue, the repository or the base cannot be had.
    """
    return await asyncio.to_thread(_load, url, home, at, comments, python)


def _load(url: str, home: Path, at: str | None, comments: bool, python: Path | None) -> tuple[Task, Path]:
    if shutil.which("git") is None:
        raise TaskError("git is not installed; install it")
    asked, home = _place(url), home.resolve()
    if asked is None and _place(url, "pull") is not None:
        raise TaskError(f"{url} is a pull request; give the issue that it resolves")
    if asked is None:
        raise TaskError(f"{url!r} is no issue; write https://{HOST}/OWNER/NAME/issues/NUMBER")
    issue = fetch_issue(asked.owner, asked.name, asked.number, comments=comments, host=asked.host)
    place, notices = _settled(asked, issue)
    commit = default_commit(place.repo, home) if at is None else named_commit(place.repo, at, home)
    mirror = repository_with(place.repo, commit, home)
    tree = _checked_out(place.repo, commit, mirror, home)
    task = task_of(
        Checkout(mirror, commit, (*notices, *notices_of(tree))),
        tree,
        python,
        instance_id=f"{place.owner}__{place.name}-{place.number}",
        repo=place.repo,
        problem_statement=_statement(issue),
    )
    return task, mirror


def _place(text: str, kind: str = "issues") -> _Place | None:
    match = _URL.fullmatch(text.strip())
    if match is None or match[4].lower() != kind:
        return None
    host = match[1].lower().removeprefix("www.")
    if host not in (HOST, web_host()):
        return None
    return _Place(host, match[2], match[3], int(match[5]))


def _settled(asked: _Place, issue: Issue) -> tuple[_Place, tuple[str, ...]]:
    """Return where an issue is now, which is another repository where it was moved."""
    found = _place(issue.html_url)
    if found is None or found.repo.lower() == asked.repo.lower():
        return asked, ()
    return found, (f"the issue has moved to {found.repo}#{found.number}",)


def _statement(issue: Issue) -> str:
    said = [f"Comment by {author}:\n\n{text}" for author, text in issue.comments]
    parts = [part.replace("\r\n", "\n").strip() for part in (issue.title, issue.body, *said)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _checked_out(repo: str, commit: str, mirror: Path, home: Path) -> Path:
    """Return a checkout of a commit that borrows its objects from the mirror; for reading only."""
    owner, name = split_repo(repo)

    def build(empty: Path) -> None:
        try:
            _check_out(mirror, commit, empty / name)
        except GitError as error:
            raise TaskError(f"the commit {commit[:12]} of {repo} cannot be checked out: {error}") from error

    return build_once(home / "checkouts" / f"{owner}__{name}" / commit, build) / name


def _check_out(mirror: Path, commit: str, tree: Path) -> None:
    kind = git(mirror, "rev-parse", "--show-object-format").decode().strip()
    tree.mkdir()
    git(tree, "init", "--quiet", f"--object-format={kind}")
    information = tree / ".git" / "objects" / "info"
    information.mkdir(parents=True, exist_ok=True)
    (information / "alternates").write_bytes(os.fsencode(_inside(mirror, "objects")) + b"\n")
    if _inside(mirror, "shallow").is_file():
        shutil.copyfile(_inside(mirror, "shallow"), tree / ".git" / "shallow")
    git(tree, "update-ref", "refs/heads/main", commit)
    git(tree, "checkout", "--quiet", "--force", "main")


def _inside(mirror: Path, name: str) -> Path:
    place = git(mirror, "rev-parse", "--path-format=absolute", "--git-path", name)
    return Path(os.fsdecode(place.removesuffix(b"\n")))
