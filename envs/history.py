"""The repository that enters a sandbox: the base commit and its ancestors, and provably nothing else.

A clone would bring tags, remote branches and unreachable objects along, and with them the fix. Here the
objects that the base commit reaches are packed into an empty repository, and its whole store is examined.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from envs.git import GitError, git
from envs.shared_packs import link_packs, note_packs
from envs.task import TaskError

BRANCH = "refs/heads/main"
"""The only ref of a sealed repository."""
_TRACES = (
    "FETCH_HEAD",
    "ORIG_HEAD",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "logs",
    "worktrees",
    "modules",
    "objects/info/alternates",
    "objects/info/http-alternates",
)


@dataclass(frozen=True, slots=True)
class Seal:
    """What the check of a sealed repository has found; it goes into the journal.

    `commits` and `objects` are all that can be read in it, and `newest` is the date of the newest commit, in
    ISO 8601: each is the base or reached from it. `leaks` counts the commits beyond it in
    the repository of the image it came from; None where there was none.
    """

    base_commit: str
    commits: int
    objects: int
    newest: str
    leaks: int | None = None


def seal_history(
    repository: Path, base_commit: str, git_dir: Path, tree: Path, sealed: Iterable[Path] = ()
) -> Seal:
    """Make a bare repository and a working tree that hold a commit and its ancestors.

    Symlinks are made and never followed; no filter, hook or configuration of the source has an influence.

    Args:
        repository: the source, bare or not; it is only read.
        base_commit: full id of the commit.
        git_dir: where the bare repository comes to lie.
        tree: where the working tree, with a `.git` of its own, comes to lie.
        sealed: see `copy_history`.

    Raises:
        TaskError: the source lacks the commit or some of its objects.
    """
    try:
        git(repository, "rev-parse", "--verify", "--quiet", f"{base_commit}^{{commit}}")
    except GitError as error:
        raise TaskError(f"the repository {repository} does not hold the commit {base_commit}") from error
    try:
        copy_history(repository, base_commit, git_dir, sealed)
        tree.mkdir()
        lend_history(git_dir, base_commit, tree)
        git(tree, "checkout", "--quiet", "--force", "main")
    except GitError as error:
        raise TaskError(f"the commit {base_commit[:12]} of {repository} cannot be copied: {error}") from error
    check_sealed(tree / ".git", base_commit)
    return check_sealed(git_dir, base_commit)


def copy_history(repository: Path, base_commit: str, git_dir: Path, sealed: Iterable[Path] = ()) -> None:
    """Make a bare repository of a commit and its ancestors; the source is only read.

    Args:
        repository: the source.
        base_commit: full id of the commit.
        git_dir: where it comes to lie; which packs hold the history is written beside it.
        sealed: repositories that were made so before. Of the one whose commit is the newest ancestor the
            packs are linked, and take no space: the commit reaches whatever is in them.

    Raises:
        GitError: the source lacks some of their objects.
    """
    kind = git(repository, "rev-parse", "--show-object-format").decode().strip()
    git_dir.mkdir()
    git(git_dir, "init", "--quiet", "--bare", f"--object-format={kind}")
    packs = git_dir / "objects" / "pack"
    packs.mkdir(parents=True, exist_ok=True)
    shallow = _path_in_git(repository, "shallow").is_file()
    known = link_packs(repository, base_commit, packs, () if shallow else sealed)
    options = ["--revs", "--quiet", "--non-empty", "--delta-base-offset", str(packs.resolve() / "pack")]
    # temporary files belong into our store, so that a source that cannot be written can be copied
    stores = {
        "GIT_OBJECT_DIRECTORY": str((git_dir / "objects").resolve()),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(_path_in_git(repository, "objects")),
    }
    wanted = "".join(f"{one}\n" for one in (base_commit, *(f"^{one}" for one in known)))
    git(repository, "pack-objects", *options, stdin=wanted.encode(), env=stores)
    note_packs(git_dir, base_commit)
    _keep_shallow(repository, base_commit, git_dir)
    git(git_dir, "update-ref", BRANCH, base_commit)


def check_sealed(git_dir: Path, base_commit: str) -> Seal:
    """Prove that a repository holds a commit, what it reaches, and nothing else.

    Every stored object, loose or packed, is compared with what the commit reaches; so are all refs, logs,
    remotes and alternates.

    Raises:
        TaskError: something else is in it; the message names the first thing.
    """
    reached = set(git(git_dir, "rev-list", "--objects", "--no-object-names", base_commit).decode().split())
    fields = "--batch-check=%(objectname) %(objecttype)"
    stored = git(git_dir, "cat-file", "--batch-all-objects", "--unordered", fields).decode()
    for name, kind in map(str.split, stored.splitlines()):
        if name not in reached:
            raise _not_sealed(git_dir, f"it holds the {kind} {name[:12]}, which the base does not reach")
    for ref in git(git_dir, "for-each-ref", "--format=%(refname) %(objectname)").decode().splitlines():
        if ref != f"{BRANCH} {base_commit}":
            raise _not_sealed(git_dir, f"it has the ref {ref}")
    for trace in _TRACES:
        if (git_dir / trace).exists():
            raise _not_sealed(git_dir, f"it has {trace}")
    if b"\nremote." in b"\n" + git(git_dir, "config", "--local", "--list", "--name-only"):
        raise _not_sealed(git_dir, "it has a remote")
    dates = git(git_dir, "log", "--format=%ct", base_commit).decode().split()
    newest = datetime.fromtimestamp(max(map(int, dates)), UTC).isoformat()
    return Seal(base_commit, len(dates), len(stored.splitlines()), newest)


def lend_history(git_dir: Path, commit: str, tree: Path) -> None:
    """Give a folder a `.git` with all objects of a bare repository, whose branch is at a commit.

    Packs are linked and take no space. The index is empty.

    Raises:
        GitError: it cannot be made.
    """
    kind = git(git_dir, "rev-parse", "--show-object-format").decode().strip()
    git(tree, "init", "--quiet", f"--object-format={kind}")
    packs = tree / ".git" / "objects" / "pack"
    shutil.rmtree(packs, ignore_errors=True)
    shutil.copytree(git_dir / "objects" / "pack", packs, copy_function=os.link)
    if (git_dir / "shallow").is_file():
        shutil.copyfile(git_dir / "shallow", tree / ".git" / "shallow")
    git(tree, "update-ref", BRANCH, commit)


def _keep_shallow(repository: Path, base_commit: str, git_dir: Path) -> None:
    """Carry over where a shallow source ends, as far as that concerns the base commit."""
    boundary = _path_in_git(repository, "shallow")
    if boundary.is_file():
        ancestors = set(git(repository, "rev-list", base_commit).decode().split())
        ends = [line for line in boundary.read_text().split() if line in ancestors]
        if ends:
            (git_dir / "shallow").write_text("\n".join(ends) + "\n")


def _path_in_git(repository: Path, name: str) -> Path:
    path = os.fsdecode(git(repository, "rev-parse", "--git-path", name).removesuffix(b"\n"))
    return (repository / path).resolve()


def _not_sealed(git_dir: Path, why: str) -> TaskError:
    return TaskError(f"the repository {git_dir} must not enter a sandbox: {why}")
