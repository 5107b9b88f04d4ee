from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from envs.task import PublicTask
from sandbox.base import Limits, Root, Sandbox
from sandbox.hosts import open_host
from selection.separate import candidate_from_diff

GIT_ENV = {
    **os.environ,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    **{f"GIT_{who}_{what}": "x@x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def git(folder, *arguments):
    done = subprocess.run(["git", *arguments], cwd=folder, env=GIT_ENV, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def write_tree(folder, files):
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def commit_tree(folder, files):
    """Make a repository of these files and return the commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "-q")
    write_tree(folder, files)
    git(folder, "add", "-A", "-f")
    git(folder, "commit", "-q", "--allow-empty", "-m", "base")
    return git(folder, "rev-parse", "HEAD").decode().strip()


@pytest.fixture(scope="session")
def git_diff(tmp_path_factory):
    """Return a function that makes git's own diff between two sets of files."""

    made = {}

    def diff(before, after):
        key = tuple(sorted(before.items()))
        if key not in made:
            made[key] = tmp_path_factory.mktemp("diff")
            commit_tree(made[key], before)
        folder = made[key]
        for child in folder.iterdir():
            if child.name != ".git":
                shutil.rmtree(child) if child.is_dir() else child.unlink()
        write_tree(folder, after)
        git(folder, "add", "-A", "-f")
        return git(folder, "diff", "--cached", "--binary", "-M", "HEAD").decode("utf-8", "surrogateescape")

    return diff


RUNNER = "python -m pytest -q -p no:cacheprovider"
TREE = {
    "calc/__init__.py": (
        b"def clamp(x, low, high):\n    if x < low:\n        return low\n"
        b"    if x < high:\n        return high\n    return x\n"
    ),
    "calc/extra.py": b"def double(x):\n    return 2 * x\n",
    "tests/test_calc.py": b"from calc import clamp\n\n\ndef test_low():\n    assert clamp(-1, 0, 9) == 0\n",
    "tests/test_extra.py": b"from calc.extra import double\n\n\ndef test_2():\n    assert double(2) == 4\n",
    "tests/test_far.py": b"def test_far():\n    assert 1\n",
}


@dataclass(frozen=True)
class Scene:
    """A tiny repository with a bug, in a sandbox."""

    task: PublicTask
    base: Sandbox
    git_diff: Callable[[dict[str, bytes], dict[str, bytes]], str]
    tree: dict[str, bytes]

    def candidate(self, origin, changes):
        after = {path: data for path, data in (self.tree | changes).items() if data is not None}
        return candidate_from_diff(self.git_diff(self.tree, after), origin=origin, base=self.tree)


@asynccontextmanager
async def scene_of(folder, git_diff, tree):
    commit = commit_tree(folder / "tree", tree)
    git(folder, "clone", "-q", "--bare", "tree", "bare.git")
    prefixes = {prefix: Path(prefix) for prefix in (sys.prefix, sys.base_prefix)}
    root = Root(
        tree=folder / "tree",
        git_dir=folder / "bare.git",
        base_commit=commit,
        mounts=prefixes,
        env={
            "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    host = open_host("daemonless")
    try:
        base = await host.start(root, Limits())
        yield Scene(
            PublicTask("t", "calc", commit, "clamp is wrong", "/testbed", RUNNER), base, git_diff, tree
        )
    finally:
        await host.close()


@pytest.fixture
async def scene(tmp_path, git_diff):
    async with scene_of(tmp_path, git_diff, TREE) as found:
        yield found
