"""Where the git repository of an `owner/name` comes from: a folder of the user's, or a bare clone of ours."""

from __future__ import annotations

import os
import re
from pathlib import Path

from envs.cache import build_once, locked
from envs.git import GitError, git
from envs.github_env import split_repo
from envs.remotes import clone, fetch_all, fetch_commit
from envs.task import TaskError

MIRRORS = "MANGABEY_MIRRORS"

_FULL_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_SHORT_ID = re.compile(r"[0-9a-f]{4,64}")


def mirror_of(repo: str, home: Path) -> Path:
    """Return a git repository of an `owner/name`.

    One in the folder that MANGABEY_MIRRORS names comes first, bare or a checkout, and is only read. Else a
    bare clone is made in the cache at the first call, from MANGABEY_GITHUB or github.com.

    Args:
        repo: `owner/name`.
        home: the cache folder.

    Raises:
        TaskError: it is no such name, or the repository cannot be cloned.
    """
    return _given(repo) or _own(repo, home)


def repository_with(repo: str, commit: str, home: Path) -> Path:
    """Return a git repository of an `owner/name` that holds a commit; what our clone lacks is fetched.

    Args:
        repo: `owner/name`.
        commit: full id of the commit.
        home: the cache folder.

    Raises:
        TaskError: the commit cannot be had.
    """
    if not _FULL_ID.fullmatch(commit):
        raise TaskError(f"{commit!r} is no full commit id; write all 40 digits")
    given = _given(repo)
    if given is not None and _commit(given, commit):
        return given
    try:
        mirror = _own(repo, home)
        if not _commit(mirror, commit):
            _fetch(repo, commit, mirror)
    except TaskError as error:
        raise TaskError(f"the commit {commit} of {repo} cannot be had: {error}") from error
    if not _commit(mirror, commit):
        raise TaskError(f"{repo} has no commit {commit}; check the id, or set {MIRRORS} to a clone with it")
    return mirror


def default_commit(repo: str, home: Path) -> str:
    """Return the commit of the default branch: as it is now, or as the user's mirror has it.

    Raises:
        TaskError: the repository cannot be had, or it has no commit.
    """
    mirror = _given(repo) or _updated(repo, home)
    commit = _commit(mirror, "refs/remotes/origin/HEAD") or _commit(mirror, "HEAD")
    if not commit:
        raise TaskError(f"the default branch of {repo} has no commit; name a branch or a commit")
    return commit


def named_commit(repo: str, name: str, home: Path) -> str:
    """Return the full id of what a tag, a branch or a commit id, abbreviated or not, names.

    Raises:
        TaskError: the repository cannot be had, or there is no such thing in it.
    """
    if _FULL_ID.fullmatch(name.lower()):
        return name.lower()
    given = _given(repo)
    commit = _named(given, name) if given is not None else ""
    commit = commit or _named(_updated(repo, home), name)
    if commit:
        return commit
    raise TaskError(f"{repo} has no branch, tag or commit {name!r}; check it, or write the full commit id")


def _given(repo: str) -> Path | None:
    """Return the repository in the user's folder of mirrors, if there is one."""
    owner, name = split_repo(repo)
    folder = os.environ.get(MIRRORS, "")
    if not folder:
        return None
    top = Path(folder).expanduser().resolve()
    if not top.is_dir():
        raise TaskError(f"{MIRRORS} names the folder {top}, which does not exist; correct or unset it")
    layouts = (f"{owner}+{name}/repo", f"{owner}__{name}.git", f"{owner}/{name}.git", f"{owner}/{name}")
    return next((top / layout for layout in layouts if _is_repository(top / layout)), None)


def _is_repository(folder: Path) -> bool:
    """Return whether a folder is itself a repository; one around it does not count."""
    bare = (folder / "HEAD").is_file() and (folder / "objects").is_dir()
    if not bare and not (folder / ".git").exists():
        return False
    try:
        git(folder, "rev-parse", "--git-dir", env={"GIT_CEILING_DIRECTORIES": str(folder.resolve().parent)})
    except GitError:
        return False
    return True


def _own(repo: str, home: Path) -> Path:
    owner, name = split_repo(repo)
    target = home.resolve() / "mirrors" / f"{owner}__{name}.git"
    return build_once(target, lambda empty: clone(repo, empty))


def _updated(repo: str, home: Path) -> Path:
    mirror = _own(repo, home)
    with locked(_lock(mirror)):
        fetch_all(repo, mirror)
    return mirror


def _fetch(repo: str, commit: str, mirror: Path) -> None:
    """Fetch a commit that our clone lacks, unless somebody else has done so by now."""
    with locked(_lock(mirror)):
        if not _commit(mirror, commit):
            fetch_all(repo, mirror)
        if not _commit(mirror, commit):
            fetch_commit(repo, mirror, commit)


def _lock(mirror: Path) -> Path:
    return mirror.with_name(f".{mirror.name}.fetch.lock")


def _named(mirror: Path, name: str) -> str:
    try:
        git(mirror, "check-ref-format", f"refs/heads/{name}")
    except GitError:
        return ""
    for prefix in ("refs/tags", "refs/remotes/origin", "refs/heads"):
        if commit := _commit(mirror, f"{prefix}/{name}"):
            return commit
    return _commit(mirror, name.lower()) if _SHORT_ID.fullmatch(name.lower()) else ""


def _commit(mirror: Path, name: str) -> str:
    """Return the full id of a commit that a repository holds, or nothing."""
    try:
        return git(mirror, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}").decode().strip()
    except GitError:
        return ""
