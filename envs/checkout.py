"""A user's git checkout, read and never written: its HEAD, or a copy with the uncommitted changes on top."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envs.cache import build_once
from envs.git import GitError, git
from envs.history import copy_history
from envs.task import TaskError

if TYPE_CHECKING:
    from git import Repo

_LARGEST_UNTRACKED = 50 << 20


@dataclass(frozen=True, slots=True)
class Checkout:
    """A base commit, the repository that holds it, and what a user should know about it."""

    repository: Path
    base_commit: str
    notices: tuple[str, ...]


def read_checkout(path: Path, home: Path) -> Checkout:
    """Return the state of a checkout as a base commit; uncommitted changes become a commit in a copy of ours.

    Untracked files count as changes unless git ignores them; virtual environments and files of more than
    50 MiB among them are left out. Submodules stay empty, and files that Git LFS keeps stay pointers.

    Raises:
        TaskError: there is no git checkout with a commit.
    """
    if shutil.which("git") is None:
        raise TaskError("git is not installed; install it")
    from git import GitCommandError

    repository = _open(path)
    top = Path(str(repository.working_tree_dir))
    try:
        head = repository.head.commit.hexsha
        notices = notices_of(top)
        changed = _changed(repository)
        untracked, left_out = _untracked(repository, top)
        if left_out:
            notices.append(f"left out, larger than 50 MiB and not tracked: {', '.join(left_out)}")
        if not changed and not untracked:
            return Checkout(top, head, tuple(notices))
        copy, base = _copy_with_changes(top, head, [*changed, *untracked], home)
    except (GitCommandError, GitError) as error:
        raise TaskError(f"git cannot read {path}: {_line(error)}") from error
    count = len(changed) + len(untracked)
    notices.append(
        f"{count} uncommitted changes are part of the base, in a copy; the checkout is not touched"
    )
    return Checkout(copy, base, tuple(notices))


def _open(path: Path) -> Repo:
    from git import InvalidGitRepositoryError, NoSuchPathError, Repo

    try:
        repository = Repo(path)
    except NoSuchPathError as error:
        raise TaskError(f"there is no folder {path}") from error
    except InvalidGitRepositoryError as error:
        raise TaskError(
            f"{path} is not the top of a git checkout; run `git init` and commit first"
        ) from error
    if repository.bare:
        raise TaskError(f"{path} is a bare repository; clone it and give the clone")
    options = ["safe.directory=*", "core.fsmonitor=false", "core.quotePath=false"]
    repository.git.set_persistent_git_options(c=options)
    if not repository.head.is_valid():
        raise TaskError(f"{path} has no commit yet; commit something first")
    return repository


def notices_of(top: Path) -> list[str]:
    """Return what a user should know about the files of a checkout."""
    notices = []
    if (top / ".gitmodules").is_file():
        notices.append("submodules are left empty")
    attributes = top / ".gitattributes"
    if attributes.is_file() and b"filter=lfs" in attributes.read_bytes():
        notices.append("files that Git LFS keeps are left as pointers")
    return notices


def _changed(repository: Repo) -> list[str]:
    options = ["--name-only", "--no-renames", "--no-ext-diff", "--ignore-submodules=all", "-z", "HEAD"]
    return _paths(repository.git.diff(*options, stdout_as_string=False))


def _untracked(repository: Repo, top: Path) -> tuple[list[str], list[str]]:
    """Return the untracked files that belong to the base, and those that are too large for it."""
    options = ["--others", "--exclude-standard", "-z"]
    listed = _paths(repository.git.ls_files(*options, stdout_as_string=False))
    environments = {folder.name for folder in top.iterdir() if (folder / "pyvenv.cfg").is_file()}
    files = [path for path in listed if path.partition("/")[0] not in environments and not path.endswith("/")]
    large = [path for path in files if (top / path).lstat().st_size > _LARGEST_UNTRACKED]
    return [path for path in files if path not in large], large


def _copy_with_changes(top: Path, head: str, paths: list[str], home: Path) -> tuple[Path, str]:
    """Commit the changes in a copy of the history of HEAD; return the copy and the commit."""
    folder = build_once(home / "local" / head, lambda empty: copy_history(top, head, empty / "git"))
    copy = folder / "git"
    listed = b"".join(os.fsencode(path) + b"\0" for path in paths)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        index = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        git(copy, "read-tree", head, env=index)
        ours = [f"--git-dir={copy}", f"--work-tree={top}"]
        options = ["--add", "--remove", "--replace", "-z", "--stdin"]
        git(top, *ours, "update-index", *options, stdin=listed, env=index)
        tree = git(copy, "write-tree", env=index).decode().strip()
    base = git(copy, "commit-tree", tree, "-p", head, "-m", "Uncommitted changes").decode().strip()
    return copy, base


def _paths(listed: bytes | str) -> list[str]:
    data = listed if isinstance(listed, bytes) else listed.encode("utf-8", "surrogateescape")
    return [os.fsdecode(path) for path in data.split(b"\0") if path]


def _line(error: Exception) -> str:
    """Return the first complaint of git in an error."""
    lines = [line.strip() for line in str(getattr(error, "stderr", "") or error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0].removeprefix("stderr: ").strip("'")
