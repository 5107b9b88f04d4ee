"""How a container that has written too much is found out, and ended."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from sandbox.base import SandboxGoneError, Status
from sandbox.contract.fixtures import LIMITS

pytestmark = pytest.mark.docker


@pytest.fixture
def kind():
    return "docker"


@pytest.fixture(autouse=True)
def _needs_docker(needs_docker):
    """Skip where there is none."""


async def test_writing_too_much_is_ended(host, root):
    box = await host.start(root, replace(LIMITS, disk=20 << 20))
    done = await box.exec("for i in $(seq 100000); do head -c 1000000 /dev/zero > f$i; done", timeout=60)
    assert done.status is Status.OUT_OF_DISK
    assert (await box.exec("rm -f f*; echo next")).output == b"next\n"


async def test_many_commands_that_write_too_much_end_it(host, root):
    box = await host.start(root, replace(LIMITS, disk=16 << 20))

    async def fill() -> None:
        for number in range(200):
            await box.exec(f"head -c 12000000 /dev/zero > f{number}; sleep 0.1")

    with pytest.raises(SandboxGoneError, match="far more"):
        await fill()
    assert not await box.alive()


@pytest.mark.parametrize("hindrance", ["chmod 300 many", "while :; do pkill -STOP find; done &"])
async def test_files_that_cannot_be_counted_are_taken_for_too_many(box, hindrance, monkeypatch):
    fill = "import os\nfor n in range(15000): os.close(os.open(f'many/{n}', os.O_CREAT))"
    with monkeypatch.context() as hurried:
        hurried.setattr("sandbox.docker.gauge._COUNTING", 2.0)
        done = await box.exec(f'mkdir many; {hindrance}\npython3 -c "{fill}"; sleep 60', timeout=60)
    assert done.status is Status.OUT_OF_DISK
    assert (await box.exec("chmod 700 many; rm -rf many; echo next")).output == b"next\n"


async def test_files_that_others_make_end_no_command(box):
    box._vessel.gauge._files = 10**9
    assert (await box.exec("touch mine; sleep 3")).ok
    # counted again, and then what tests beside this one make on the same disk
    assert 0 < box._vessel.gauge.share < 1


@pytest.mark.parametrize(("step", "status"), [(-(1 << 20), Status.EXITED), (1 << 20, Status.OUT_OF_DISK)])
async def test_the_disk_tells_who_makes_room_where_nothing_can_be_measured(box, step, status, monkeypatch):
    deep = "import os\nfor _ in range(30):\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)"
    assert (await box.exec(["python3", "-c", deep])).ok
    used = itertools.count(10**12, step)
    monkeypatch.setattr("sandbox.docker.gauge.bytes_on", lambda disk: next(used))
    done = await box.exec("sleep 4; echo next", timeout=60)
    assert done.status is status
    assert (done.output == b"next\n") is (status is Status.EXITED)
