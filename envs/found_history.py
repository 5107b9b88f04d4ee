"""The repository that an image holds, made into what agents and grading start from.

An image that claims to be clean may hold tags, branches, reflogs or loose objects with the fix. So of its
`.git` only the objects are taken, into a repository of our own, and of those only what the base reaches.
What the image's working tree has beyond the base (edits of configuration, built files) is the environment's:
agents start from a commit that holds it, grading puts a patch on the clean base and those edits after it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from envs.git import GitError, git
from envs.history import BRANCH, Seal, check_sealed, copy_history, lend_history
from envs.shared_packs import sealed_before
from envs.task import TaskError

_LONG = 64 - 2
"""Length of a loose object's name in a repository whose ids are SHA-256; a pack's has two more."""
_MESSAGE = "What the environment changes"


@dataclass(frozen=True, slots=True)
class FoundHistory:
    """Two working trees of an image's repository and the bare one behind both.

    `tree` is at `agents_commit`, `clean` is the same folder or one whose tracked files are those of
    `base_commit`. `edits` is the diff of tracked files from the base to the image's tree.
    """

    git_dir: Path
    tree: Path
    clean: Path
    base_commit: str
    agents_commit: str
    edits: str
    seal: Seal


def check_unsolved(tree: Path, fix: str, tests: str) -> None:
    """Refuse a working tree that holds the fix or the official tests already.

    Raises:
        TaskError: the patch of either could be taken back in it.
    """
    for patch, what in ((fix, "the fix"), (tests, "the official tests")):
        if patch.strip() and _can_undo(tree, patch):
            raise TaskError(f"the image holds {what} already, so nothing can be solved in it; use another")


def take_history(
    found: Path,
    base_commit: str,
    folder: Path,
    hidden: Sequence[str] = (),
    bug_patch: str = "",
    source: Path | None = None,
) -> FoundHistory:
    """Make an image's repository, whose files lie in `found`, into one without anything beyond its base.

    Where the image lacks the base commit, or none is known, its files become a commit without history.

    Args:
        found: the repository's folder as it was taken out of the image; it is used up.
        base_commit: full id, empty where none is known.
        folder: an empty folder, which gets the result.
        hidden: paths in the repository that agents do not get.
        bug_patch: applied first, where the image lacks the bug.
        source: a repository of ours that holds the base commit; what the image has where None.

    Raises:
        TaskError: git cannot read what is there, or the bug's patch does not apply.
    """
    git_dir, tree, clean = folder / "git", folder / "tree", folder / "clean"
    secret = _within(hidden)
    try:
        raw = source or _objects(found / ".git", folder / "raw")
        _forget_repositories(found)
        found.rename(tree)
        if bug_patch:
            git(tree, "apply", "--whitespace=nowarn", "-", stdin=bug_patch.encode("utf-8", "surrogateescape"))
        known = raw is not None and bool(base_commit) and not bug_patch and _holds(raw, base_commit)
        if raw is not None and known:
            leaks = None if source else _beyond(raw, base_commit)
            copy_history(raw, base_commit, git_dir, sealed_before(folder))
            _refuse_hidden(git_dir, base_commit, secret)
        else:
            leaks = None
            _new_repository(git_dir)
            base_commit = _commit(git_dir, tree, None, "The repository as the image has it", secret)
        shutil.rmtree(folder / "raw", ignore_errors=True)
        changed = _commit(git_dir, tree, base_commit, _MESSAGE)
        edits = _edits(git_dir, base_commit, changed)
        agents = changed
        secret = [path for path in secret if _is_there(tree, path)]
        if edits or secret:
            shutil.copytree(tree, clean, symlinks=True)
            _reset(git_dir, clean, base_commit)
            for path in secret:
                _remove(tree / path)
            agents = _commit(git_dir, tree, base_commit, _MESSAGE)
        if {agents, changed} != {head(git_dir)}:
            _settle(git_dir, agents)
        seal = replace(check_sealed(git_dir, agents), leaks=leaks)
        _open(git_dir, tree, agents)
        if clean.exists():
            _open(git_dir, clean, base_commit)
    except (GitError, OSError) as error:
        raise TaskError(f"the repository of the image cannot be prepared: {error}") from error
    return FoundHistory(git_dir, tree, clean if clean.exists() else tree, base_commit, agents, edits, seal)


def _objects(store: Path, raw: Path) -> Path | None:
    """Return a bare repository of ours with the objects of one that is not trusted; None where it has none.

    Neither its configuration nor its hooks, refs or alternates come along; symlinks are left out.
    """
    objects = store / "objects"
    if store.is_symlink() or objects.is_symlink() or not objects.is_dir():
        return None
    loose, packs = objects.glob("??/*"), objects.glob("pack/pack-*.idx")
    named = [*(one.name for one in loose), *(one.stem.removeprefix("pack-")[2:] for one in packs)]
    raw.mkdir()
    _init(raw, "sha256" if any(len(name) == _LONG for name in named) else "sha1")
    for part in objects.iterdir():
        if part.is_symlink() or not part.is_dir() or (len(part.name) != 2 and part.name != "pack"):
            continue
        target = raw / "objects" / part.name
        target.mkdir(exist_ok=True)
        for file in part.iterdir():
            wanted = part.name != "pack" or file.suffix in {".pack", ".idx"}
            if wanted and file.is_file() and not file.is_symlink():
                file.rename(target / file.name)
    shallow = store / "shallow"
    if shallow.is_file() and not shallow.is_symlink():
        shutil.copyfile(shallow, raw / "shallow")
    return raw


def _forget_repositories(found: Path) -> None:
    """Remove every `.git` of the tree, its own and those of submodules."""
    for folder, folders, files in os.walk(found):
        if ".git" in folders or ".git" in files:
            _remove(Path(folder) / ".git")
            if ".git" in folders:
                folders.remove(".git")


def _holds(raw: Path, commit: str) -> bool:
    try:
        git(raw, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    except GitError:
        return False
    return True


def _beyond(raw: Path, base_commit: str) -> int:
    """Return how many commits an image's store holds that its base does not reach."""
    reached = set(git(raw, "rev-list", base_commit).decode().split())
    listed = git(
        raw, "cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objecttype) %(objectname)"
    )
    commits = {line.split()[1] for line in listed.decode().splitlines() if line.startswith("commit ")}
    return len(commits - reached)


def _new_repository(git_dir: Path) -> None:
    git_dir.mkdir()
    _init(git_dir, "sha1")
    (git_dir / "objects" / "pack").mkdir(parents=True, exist_ok=True)


def _init(folder: Path, kind: str) -> None:
    git(folder, "init", "--quiet", "--bare", f"--object-format={kind}")


def _commit(
    git_dir: Path, tree: Path, parent: str | None, message: str, without: Sequence[PurePosixPath] = ()
) -> str:
    """Return a commit of a working tree's files, ignored ones left out; the parent where nothing differs."""
    index = {"GIT_INDEX_FILE": str(git_dir.resolve() / "commit.index")}
    ours = [f"--git-dir={git_dir.resolve()}", f"--work-tree={tree.resolve()}"]
    try:
        git(tree, *ours, "read-tree", *([parent] if parent else ["--empty"]), env=index)
        git(tree, *ours, "add", "--all", env=index)
        if without:
            options = ["--quiet", "--cached", "-r", "--ignore-unmatch", "--"]
            git(tree, "--literal-pathspecs", *ours, "rm", *options, *map(str, without), env=index)
        made = git(git_dir, "write-tree", env=index).decode().strip()
    finally:
        (git_dir / "commit.index").unlink(missing_ok=True)
    if parent and git(git_dir, "rev-parse", f"{parent}^{{tree}}").decode().strip() == made:
        return parent
    options = ["-p", parent] if parent else []
    return git(git_dir, "commit-tree", made, *options, "-m", message).decode().strip()


def _edits(git_dir: Path, base: str, changed: str) -> str:
    """Return what the environment changes in files that the base has; new files stay where they are."""
    options = ["--binary", "--no-renames", "--no-ext-diff", "--no-color", "--diff-filter=MDT"]
    return git(git_dir, "diff", *options, base, changed).decode("utf-8", "surrogateescape")


def _reset(git_dir: Path, tree: Path, commit: str) -> None:
    """Bring the tracked files of a working tree to a commit; others stay."""
    index = {"GIT_INDEX_FILE": str(git_dir.resolve() / "reset.index")}
    ours = [f"--git-dir={git_dir.resolve()}", f"--work-tree={tree.resolve()}"]
    git(tree, *ours, "read-tree", commit, env=index)
    git(tree, *ours, "checkout-index", "--quiet", "--force", "--all", env=index)
    (git_dir / "reset.index").unlink(missing_ok=True)


def head(git_dir: Path) -> str:
    """Return the commit that a sealed repository's branch is at; empty where it has none yet."""
    return git(git_dir, "for-each-ref", "--format=%(objectname)", BRANCH).decode().strip()


def _settle(git_dir: Path, commit: str) -> None:
    """Drop what a commit does not reach, and pack what is loose."""
    git(git_dir, "update-ref", BRANCH, commit)
    git(git_dir, "prune", "--expire=now")
    git(git_dir, "repack", "-d", "-q")


def _open(git_dir: Path, tree: Path, commit: str) -> None:
    lend_history(git_dir, commit, tree)
    git(tree, "read-tree", commit)
    git(tree, "update-index", "-q", "--really-refresh", "--unmerged", "--ignore-missing")


def _can_undo(tree: Path, patch: str) -> bool:
    options = ["--check", "--reverse", "--whitespace=nowarn", "-"]
    try:
        git(tree, "apply", *options, stdin=patch.encode("utf-8", "surrogateescape"))
    except GitError:
        return False
    return True


def _refuse_hidden(git_dir: Path, commit: str, secret: Sequence[PurePosixPath]) -> None:
    """Refuse a history in which an agent could find what it must not see."""
    if secret and git(git_dir, "--literal-pathspecs", "rev-list", "-1", commit, "--", *map(str, secret)):
        raise TaskError("the repository's history holds hidden tests; name a base commit without them")


def _within(paths: Sequence[str]) -> list[PurePosixPath]:
    """Return the paths that lie in the repository; absolute ones are the image's."""
    within = [PurePosixPath(path) for path in paths if not path.startswith("/")]
    if outside := [path for path in within if ".." in path.parts]:
        raise TaskError(f"{str(outside[0])!r} does not lie in the repository")
    return within


def _is_there(tree: Path, path: PurePosixPath) -> bool:
    """Whether a path is in a tree; what lies behind a symlink is not."""
    above = (tree.joinpath(*path.parts[:count]) for count in range(1, len(path.parts)))
    return bool(path.parts) and os.path.lexists(tree / path) and not any(one.is_symlink() for one in above)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
