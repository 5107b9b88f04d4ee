"""The queue waits for an engine that is away, and no longer than it may."""

from __future__ import annotations

import asyncio
import time

import pytest

from runs.batch.engine import Engine, EngineAwaited, look
from runs.batch.queue import NoRoom
from sandbox.base import SandboxUnavailableError


class Noted(NoRoom):
    """A room that notes who came."""

    def __init__(self):
        self.came = []

    async def before(self, instance_id):
        self.came.append(instance_id)

    async def after(self, instance_id, *, again):
        self.came.append(f"{instance_id} left")


@pytest.mark.docker
async def test_no_issue_begins_until_the_engine_is_back(own_engine, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", own_engine.address)
    room, said, told = Noted(), [], asyncio.Event()

    def say(line):
        said.append(line)
        told.set()

    awaited = EngineAwaited(room, Engine(look, say, patience=120))
    await awaited.before("a")
    assert (room.came, said) == (["a"], [])
    await asyncio.to_thread(own_engine.stop)
    async with asyncio.TaskGroup() as group:
        for name in "bc":
            group.create_task(awaited.before(name))
        await told.wait()
        assert room.came == ["a"]
        await asyncio.to_thread(own_engine.start)
    assert sorted(room.came) == ["a", "b", "c"]
    assert [line.split(",")[0] for line in said] == [
        "no issue begins until the Docker engine answers",
        "the Docker engine answers",
    ]
    await awaited.after("a", again=False)
    assert room.came[-1] == "a left"


async def test_an_engine_that_stays_away_is_waited_for_once():
    def gone():
        raise SandboxUnavailableError("no Docker engine\nanswers")

    room, said = Noted(), []
    awaited = EngineAwaited(room, Engine(gone, said.append, patience=60, first=0.3))
    began = time.monotonic()
    await asyncio.gather(*map(awaited.before, "abc"))
    assert time.monotonic() - began < 2
    assert sorted(room.came) == ["a", "b", "c"]
    assert said[0].endswith("for 0 s at most: no Docker engine answers")
    assert said[1:] == ["the Docker engine does not answer; issues begin all the same"]
