"""Daemonless sandboxes where the kernel refuses overlays: fuse-overlayfs, and copies as the last resort."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.base import Limits, SandboxGoneError
from sandbox.contract.files import *  # noqa: F403
from sandbox.contract.hostile import test_what_it_tells_git_is_not_heard  # noqa: F401
from sandbox.contract.sealing import (  # noqa: F401
    test_a_full_disk_is_an_error_inside_only,
    test_the_guest_has_no_privileges,
    test_what_is_not_ours_is_read_only,
)
from sandbox.contract.states import *  # noqa: F403
from sandbox.daemonless.host import DaemonlessHost
from sandbox.daemonless.plan import COPY, FUSE
from tests.sandbox.small import small_system

HOME = Path(__file__).parents[2]


def fuse_missing() -> str:
    """Return why fuse-overlayfs cannot be tested here; empty when it can."""
    if shutil.which("fuse-overlayfs") is None:
        return "fuse-overlayfs is not installed"
    return "" if os.access("/dev/fuse", os.R_OK | os.W_OK) else "this user cannot open /dev/fuse"


needs_fuse = pytest.mark.skipif(bool(fuse_missing()), reason=fuse_missing() or "-")


@pytest.fixture(params=[pytest.param(FUSE, marks=needs_fuse), COPY])
def way(request):
    return request.param


@pytest.fixture
def kind():
    return "daemonless"


@pytest.fixture
async def host(way):
    opened = DaemonlessHost()
    opened._layering = way
    yield opened
    await opened.close()


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A root file system with a shell and little else."""
    monkeypatch.setenv("MANGABEY_HOME", str(tmp_path / "home"))
    return small_system(tmp_path / "system", "sh", "cat", "rm")


async def test_the_way_is_taken(box, way):
    shown = (await box.exec(["stat", "-f", "-c", "%T", ".", "/tmp"])).text.split()
    assert shown == (["fuseblk"] * 2 if way == FUSE else ["tmpfs"] * 2)


@needs_fuse
@pytest.mark.parametrize("way", [FUSE])
async def test_an_image_over_fuse(host, root, system):
    box = await host.start(replace(root, image=str(system)), Limits())
    assert (
        await box.exec(["/bin/sh", "-c", "echo x > new; cat new; rm /bin/cat || cat readme.txt"])
    ).text == ("x\nrm: cannot remove '/bin/cat': Read-only file system\nfirst\nsecond\nthird\n")


@needs_fuse
@pytest.mark.parametrize("way", [FUSE])
async def test_without_its_file_system_a_sandbox_is_gone(box, host, outside):
    running = asyncio.create_task(box.exec(["sleep", "77.0321"]))
    while not outside.processes_with("77.0321"):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    servers = [
        pid for pid in outside.descendants(os.getpid()) if pid in outside.processes_with("fuse-overlayfs")
    ]
    assert len(servers) == 2
    os.kill(servers[0], signal.SIGKILL)
    with pytest.raises(SandboxGoneError):
        await running
    assert not await box.alive()
    assert outside.eventually(lambda: outside.processes_with("77.0321") == [])
    assert not set(servers) & set(outside.processes_with("fuse-overlayfs"))


_STACKED = """
set -e
mkdir "$0/stack"
mount -t tmpfs none "$0/stack"
cd "$0/stack"
mkdir one two up1 up2 work1 work2
mount -t overlay overlay -o lowerdir="$1",upperdir=up1,workdir=work1,userxattr one
mount -t overlay overlay -o lowerdir=one,upperdir=up2,workdir=work2,userxattr two
shift
exec "$@"
"""
"""Makes of a tree what the kernel takes into no further overlay: one of an overlay of it."""

_TRY = """
import asyncio, logging, sys
from pathlib import Path
sys.path.append(sys.argv[1])
from sandbox.base import Root
from sandbox.daemonless.host import DaemonlessHost

async def main():
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(message)s")
    host = DaemonlessHost()
    try:
        for _ in range(2):
            box = await host.start(Root(Path(sys.argv[2]), Path(sys.argv[3]), ""))
            await box.exec("rm pkg/gone.py; echo new > new; cat new")
            fork = await box.fork()
            print(host._layering, (await fork.exec("cat new readme.txt; ls pkg")).text.split())
    finally:
        await host.close()

asyncio.run(main())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount overlays for the test")
@pytest.mark.parametrize("namespace", [(), ("--user", "--map-root-user")], ids=["root", "user namespace"])
def test_what_the_kernel_refuses_is_tried_in_other_ways(root, tmp_path, way, namespace):
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("unshare", "mount", "mkdir", *(["fuse-overlayfs"] if way == FUSE else [])):
        (programs / name).symlink_to(str(shutil.which(name)))
    script = ["/bin/sh", "-c", _STACKED, tmp_path, root.tree, sys.executable, "-B", "-c", _TRY]
    done = subprocess.run(
        ["unshare", *namespace, "--mount", *script, HOME, tmp_path / "stack" / "two", root.git_dir],
        capture_output=True,
        text=True,
        env={"TMPDIR": str(tmp_path), "PATH": str(programs)},
        timeout=60,
    )
    said, *shown = done.stdout.splitlines()
    assert shown == [f"{way} ['new', 'first', 'second', 'third', 'code.py']"] * 2, done
    assert said.startswith("WARNING overlays are refused here" if way == COPY else "INFO the kernel refuses")
    assert "mounting an overlay" in said
    assert ("copies its whole tree; install fuse-overlayfs" in said) == (way == COPY)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a tree to another user")
@pytest.mark.parametrize("way", [COPY])
def test_a_tree_of_another_user_is_copied_and_that_is_said(root, tmp_path, way):
    subprocess.run(["cp", "-a", root.tree, tmp_path / "tree"], check=True)
    subprocess.run(["chown", "-R", "65534", tmp_path / "tree"], check=True)
    script = [sys.executable, "-B", "-c", _TRY, HOME, tmp_path / "tree", root.git_dir]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", *script],
        capture_output=True,
        text=True,
        env={"TMPDIR": str(tmp_path)},
        timeout=60,
    )
    said, *shown = done.stdout.splitlines()
    assert shown == ["kernel ['new', 'first', 'second', 'third', 'code.py']"] * 2, done
    assert said.startswith(f"WARNING another user owns {tmp_path}/tree: each sandbox copies all of it")
