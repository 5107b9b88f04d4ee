"""An image's repository that holds the fix wherever it can, and what can be read of what was taken of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envs.git import git
from envs.history import check_sealed


def rev(folder, name="HEAD"):
    return git(folder, "rev-parse", name).decode().strip()


def everything_in(store):
    """Return the content of every object of a repository, whether anything refers to it or not."""
    listed = git(store, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    return git(store, "cat-file", "--batch", stdin=b"\n".join(listed) + b"\n")


def stores(taken):
    return taken.git_dir, taken.tree / ".git", taken.clean / ".git"


def program(path, mark):
    """Write a program that leaves a mark where it is run on this machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "taken"
    folder.mkdir()
    return folder


@pytest.fixture
def found(make_repository, commit, tmp_path):
    """An image's repository that holds the fix wherever a repository can, and its base commit."""
    folder = make_repository({"a.py": "old\n", "setup.py": "setup()\n", "gone.py": "x = 1\n"})
    (folder / "out").symlink_to("/etc")
    commit(folder, {"a.py": "buggy\n", ".gitignore": "*.so\n"}, "base")
    base = rev(folder)
    commit(folder, {"a.py": "SECRET fix\n"}, "SECRET message")
    fix = rev(folder)
    git(folder, "tag", "v2")
    git(folder, "tag", "-a", "v2-annotated", "-m", "SECRET tag")
    git(folder, "branch", "other")
    git(folder, "update-ref", "refs/remotes/origin/main", fix)
    git(folder, "remote", "add", "origin", "https://example.invalid/SECRET.git")
    git(folder, "notes", "add", "-m", "SECRET note", base)
    git(folder, "replace", base, fix)
    (folder / "a.py").write_text("SECRET stash\n")
    git(folder, "stash")
    git(folder, "worktree", "add", "--quiet", "--detach", str(tmp_path / "elsewhere"), fix)
    git(folder, "hash-object", "-w", "--stdin", stdin=b"SECRET loose blob")
    (folder / ".git" / "logs").mkdir(exist_ok=True)
    (folder / ".git" / "logs" / "HEAD").write_text(f"{base} {fix} SECRET <s@s> 1600000000 +0000\tpull\n")
    (folder / ".git" / "FETCH_HEAD").write_text(f"{fix}\t\tbranch 'main'\n")
    git(folder, "checkout", "--quiet", "--force", "-B", "main", base)
    git(folder, "gc", "--quiet")
    git(folder, "hash-object", "-w", "--stdin", stdin=b"SECRET unpacked")
    return folder, base


def assert_nothing_newer(taken):
    for store in stores(taken):
        assert b"SECRET" not in everything_in(store)
        assert git(store, "for-each-ref", "--format=%(refname)").split() == [b"refs/heads/main"]
        assert git(store, "fsck", "--full", "--no-progress", "--no-dangling") == b""
        for file in store.rglob("*"):
            if file.is_file() and "objects" not in file.parts:
                assert b"SECRET" not in file.read_bytes(), file
    for store in (taken.git_dir, taken.tree / ".git"):
        assert check_sealed(store, taken.agents_commit) == replace(taken.seal, leaks=None)
        assert git(store, "fsck", "--unreachable", "--no-progress") == b""
    assert git(taken.tree, "status", "--porcelain") == b""
    assert git(taken.clean, "status", "--porcelain", "--untracked-files=no") == b""
