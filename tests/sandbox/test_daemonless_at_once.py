"""Daemonless sandboxes of which several things are asked at once."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.base import Limits
from sandbox.daemonless.host import DaemonlessHost


@pytest.fixture
def kind():
    return "daemonless"


@pytest.fixture
async def box(daemonless, root):
    return await daemonless.start(root, Limits(memory=512 << 20, processes=64, disk=48 << 20))


async def test_a_snapshot_that_is_cut_short_is_taken_anew(box):
    assert (await box.exec("for i in $(seq 300); do head -c 100000 /dev/urandom > f$i; done")).ok
    snapping = asyncio.create_task(box.snapshot())
    await asyncio.sleep(0.01)
    snapping.cancel()
    await asyncio.gather(snapping, return_exceptions=True)
    fork = await box.fork()
    assert (await fork.exec("ls f* | wc -l")).text == "300\n"


async def test_what_is_asked_while_a_command_runs_hides_nothing_of_it(box):
    for number in range(10):
        await box.snapshot()
        await asyncio.gather(box.alive(), box.exec(f"echo x > new{number}"))
        fork = await box.fork()
        assert (await fork.exec(f"cat new{number}")).text == "x\n"
        await fork.close()


async def test_hosts_that_start_at_the_same_time_sweep_together(root, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for number in range(20):
        (tmp_path / f"mangabey-{2**22 + 1}-1-{number:02}" / "layers").mkdir(parents=True)
    hosts = [DaemonlessHost() for _ in range(6)]
    boxes = await asyncio.gather(*(host.start(root, Limits()) for host in hosts))
    assert [(await box.exec(["true"])).ok for box in boxes] == [True] * 6
    await asyncio.gather(*(host.close() for host in hosts))
    assert list(tmp_path.glob("mangabey-*")) == []
