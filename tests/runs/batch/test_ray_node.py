"""What a node does for one issue, with a stand-in for the actor."""

from __future__ import annotations

import asyncio

from runs.batch import ray_node
from runs.batch.ray_node import Attempt
from tests.runs.acted import Actor


class Driver:
    """Takes its time over what is brought, and says when that begins."""

    def __init__(self):
        self.brought = []
        self.busy = asyncio.Event()

    async def bring(self, attempt, instance_id, pieces):
        self.busy.set()
        await asyncio.sleep(0.1)
        self.brought += [piece.name for piece in pieces]


async def test_what_is_recorded_while_something_is_brought_comes_too(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_node, "_EACH", 0.01)
    driver = Driver()
    async with ray_node._brought(tmp_path, Attempt("i", "a", ()), Actor(driver)):
        (tmp_path / "first").touch()
        await driver.busy.wait()
        (tmp_path / "outcome.json").touch()
    assert driver.brought == ["first", "outcome.json"]
