"""A tiny repository, and sandboxes started from it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from envs.task import PublicTask
from sandbox.base import Root, Sandbox

FILES: dict[str, bytes] = {
    "shapes.py": b'''"""Shapes."""


class Rectangle:
    """A rectangle."""

    def __init__(self, width, height):
        self.width = width
        self.height = height

    def area(self):
        return self.width + self.height


def unit_square():
    return Rectangle(1, 1)
''',
    "tests/test_shapes.py": b"""from shapes import Rectangle


def test_width():
    assert Rectangle(2, 3).width == 2
""",
    "windows.txt": b"one\r\ntwo\r\nthree\r\n",
    "tabs.py": b"def f():\n\tif True:\n\t\treturn 1\n",
    "latin.py": "# -*- coding: latin-1 -*-\nname = 'caf\xe9'\n".encode("latin-1"),
    "broken.py": b"def half(:\n    return (\n\n\ndef whole():\n    return 2\n",
    "picture.bin": b"\x89PNG\x00\x01\x02" * 20,
    "empty.txt": b"",
}


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A repository with one commit, as a sandbox takes it."""
    folder = tmp_path_factory.mktemp("repository")
    tree = folder / "tree"
    for name, data in FILES.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def git(*arguments: str, cwd: Path = tree) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.autocrlf=false"]
        done = subprocess.run(["git", *who, *arguments], cwd=cwd, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "base")
    git("clone", "-q", "--bare", str(tree), str(folder / "base.git"))
    return Root(
        tree=tree,
        git_dir=folder / "base.git",
        base_commit=git("rev-parse", "HEAD"),
        mounts={prefix: Path(prefix) for prefix in (sys.prefix, sys.base_prefix)},
        env={
            "PATH": f"{sys.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )


@pytest.fixture
async def sandbox(root: Root) -> AsyncIterator[Sandbox]:
    """A fresh sandbox with the tiny repository in it."""
    from sandbox.hosts import open_host

    host = open_host("daemonless")
    try:
        yield await host.start(root)
    finally:
        await host.close()


@pytest.fixture
def task(root: Root, sandbox: Sandbox) -> PublicTask:
    """The issue of the tiny repository."""
    return PublicTask(
        instance_id="shapes-1",
        repo="shapes",
        base_commit=root.base_commit,
        problem_statement="`Rectangle(2, 3).area()` gives 5, expected 6.",
        workdir=sandbox.workdir,
        test_runner="python -m pytest",
    )
