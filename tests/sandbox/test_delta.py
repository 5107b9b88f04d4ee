"""What is carried from one container to another."""

from __future__ import annotations

import pytest

from sandbox.base import SandboxError
from sandbox.contract.fixtures import LIMITS
from sandbox.docker import delta
from sandbox.docker.command import guest_run

pytestmark = pytest.mark.docker


@pytest.fixture
def kind():
    return "docker"


@pytest.fixture(autouse=True)
def _needs_docker(needs_docker):
    """Skip where there is none."""


async def test_links_that_wait_for_a_fork_lose_nothing(box):
    links = "for i in $(seq 1 2000); do ln -s /dev/null /dev/shm/.listing.$i; done"
    assert (await box.exec(f"{links}; echo changed > readme.txt")).ok
    fork = await box.fork()
    assert (await fork.exec("cat readme.txt")).text == "changed\n"


async def test_what_root_opens_to_the_guest_is_kept(box):
    assert (await box.exec("mkdir -m 777 /data", user="root")).ok
    fork = await box.fork()
    assert (await fork.exec("echo kept > /data/x")).ok
    frozen = await fork.snapshot()
    assert (await (await fork.fork()).exec("cat /data/x")).text == "kept\n"
    await fork.restore(frozen)
    assert (await fork.exec("cat /data/x")).text == "kept\n"


@pytest.mark.parametrize(
    "change",
    [
        "rm -r pkg; echo file > pkg",
        "rm readme.txt; mkdir readme.txt; echo x > readme.txt/x",
        "touch -d 2099-01-01 readme.txt",
        "ln -s $'two\\nlines' odd",
        "python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('/tmp/s')\"",
        "mkfifo pipe; chmod 000 latin.txt; echo $'new\\nline' > $'a\\nb'",
    ],
)
async def test_odd_changes_come_back(box, change):
    assert (await box.exec(change)).ok
    frozen = await box.snapshot()
    seen = "find . -path ./.git -prune -o -printf '%p %y %m %l\\n' | sort"
    before = (await box.exec(seen)).text
    assert (await box.exec("rm -rf pkg readme.txt odd pipe")).ok
    await box.restore(frozen)
    assert (await box.exec(seen)).text == before


async def test_an_image_of_a_container_has_its_shared_memory_too(box):
    await box.exec("true", user="root")
    await box.exec("echo kept > /dev/shm/kept; echo x > x")
    assert (await (await box.fork()).exec("cat /dev/shm/kept x")).text == "kept\nx\n"
    await box.exec("head -c 67108864 /dev/zero > /dev/shm/large")
    with pytest.raises(SandboxError, match=r"/dev/shm cannot be kept .*; remove it"):
        await box.fork()


_DAMAGING_TAR = b"""#!/bin/sh
/bin/tar "$@" || exit
[ "$1" = -d ] || printf wrong | dd of=/testbed/big bs=1 seek=2000000 conv=notrunc
"""


async def test_files_that_come_back_with_other_contents_are_refused(host, root):
    box, other = await host.start(root, LIMITS), await host.start(root, LIMITS)
    await box.exec("echo right > small; ln -s readme.txt way; head -c 3000000 /dev/urandom > big")
    carried = await delta.take(guest_run(box._vessel), ("/testbed",), 64 << 20)
    await delta.put(guest_run(other._vessel), carried)
    await other.write("/tmp/bin/tar", _DAMAGING_TAR)
    assert (await other.exec("chmod +x /tmp/bin/tar")).ok

    def damaging(argv, **how):
        return guest_run(other._vessel)(argv, env={"PATH": "/tmp/bin:/usr/bin:/bin"}, **how)

    with pytest.raises(delta.CannotCarryError, match="did not come back"):
        await delta.put(damaging, carried)
    assert len(await other.read("big")) == 3000000
