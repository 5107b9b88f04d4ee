"""What the contract's tests are given; a test file of another sandbox adds the fixture `host`."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.base import Limits, Root, Sandbox, SandboxHost

IMAGE = os.environ.get("MANGABEY_TEST_IMAGE", "mangabey/base:bookworm")
LIMITS = Limits(memory=512 << 20, processes=64, disk=48 << 20, output=100_000, seconds=30.0)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A repository with one commit, as a sandbox takes it, and a mount."""
    folder = tmp_path_factory.mktemp("repository")
    tree = folder / "tree"
    (tree / "pkg").mkdir(parents=True)
    (tree / "readme.txt").write_text("first\nsecond\nthird\n")
    (tree / "pkg" / "code.py").write_text("def f():\n    return 1\n")
    (tree / "pkg" / "gone.py").write_text("x = 1\n")
    (tree / "picture.bin").write_bytes(bytes(range(256)) * 4)
    (tree / "latin.txt").write_bytes("café\nthé\n".encode("latin-1"))
    (tree / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (tree / "link").symlink_to("readme.txt")
    (tree / ".gitignore").write_text("build/\n*.log\n")
    (tree / "windows.txt").write_bytes(b"one\r\ntwo\r\n")
    (tree / ".gitattributes").write_text("*.special filter=evil diff=evil\n")

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.autocrlf=false"]
        done = subprocess.run(["git", *who, *arguments], cwd=tree, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "base")
    git("clone", "-q", "--bare", str(tree), str(folder / "base.git"))
    inputs = folder / "inputs"
    inputs.mkdir()
    (inputs / "data.txt").write_text("from the host\n")
    return Root(
        tree=tree,
        git_dir=folder / "base.git",
        base_commit=git("rev-parse", "HEAD"),
        mounts={"/opt/inputs": inputs, "/root/kept/inputs": inputs},
        env={"FROM_ROOT": "yes"},
    )


@pytest.fixture
def image() -> str | None:
    """The image that sandboxes start from; a test file of one that needs none returns None."""
    return IMAGE


@pytest.fixture
def root(repository: Root, image: str | None) -> Root:
    """What sandboxes start from."""
    return replace(repository, image=image)


@pytest.fixture
async def box(host: SandboxHost, root: Root) -> Sandbox:
    """A fresh sandbox with narrow limits."""
    return await host.start(root, LIMITS)


def processes_with(marker: str) -> list[int]:
    """Return the host's processes whose command line holds a text."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marker.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def descendants(pid: int) -> list[int]:
    """Return the processes below one, nearest first."""
    try:
        below = [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return below + [deeper for child in below for deeper in descendants(child)]


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether a condition comes true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


@pytest.fixture
def outside() -> type:
    """What can be seen from outside of the sandboxes."""

    class Outside:
        processes_with = staticmethod(processes_with)
        descendants = staticmethod(descendants)
        eventually = staticmethod(eventually)

    return Outside
