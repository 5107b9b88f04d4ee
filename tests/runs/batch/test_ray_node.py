"""What a node does for one issue, with a stand-in for the actor."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from runs.batch import ray_node
from runs.batch.digests import digest_of_code
from runs.batch.outcome import Failure, NodeError, failure_of
from runs.batch.ray_commons import RemoteSlots
from runs.batch.ray_node import Attempt, require_code, work_on
from runs.commons import Commons, Paces
from runs.recipe import Recipe
from sandbox.base import Limits
from sandbox.slots import Slots
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
    async with ray_node._brought(tmp_path, Attempt("i", "a", (), ""), Actor(driver)):
        (tmp_path / "first").touch()
        await driver.busy.wait()
        (tmp_path / "outcome.json").touch()
    assert driver.brought == ["first", "outcome.json"]


def test_a_node_with_another_program_is_named_and_does_no_work(tmp_path):
    attempt = Attempt("i", "a", None, "0123456789ab")
    with pytest.raises(NodeError, match="another Mangabey") as caught:
        work_on(None, attempt, str(tmp_path), str(tmp_path), None)
    assert failure_of(caught.value)[0] is Failure.NODE
    require_code(digest_of_code())


class Room:
    def __init__(self):
        self.had = []

    async def before(self, instance_id):
        self.had.append(instance_id)


async def test_a_node_removes_what_killed_attempts_left_and_fetches_its_image_in_turn(tmp_path, monkeypatch):
    left = tmp_path / "mangabey-999999999-1-abcdef012345"
    left.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    asked, room = [], Room()

    @asynccontextmanager
    async def image_room(*given):
        asked.append(given)
        yield room

    async def run_issue(given, instance_id, listen):
        return instance_id

    class Source:
        def image_of(self, instance_id):
            return f"image-of-{instance_id}"

    commons = Commons(Slots("sandboxes", 1), Slots("tests", 1), Slots("pulls", 3), Paces(1), Limits())
    found = SimpleNamespace(source=Source(), source_name="s", commons=lambda: commons)
    order = SimpleNamespace(recipe=Recipe(), sandboxes=None, model_copy=lambda update: None)
    for name, one in {
        "image_room": image_room,
        "run_issue": run_issue,
        "plan": lambda order, folder: found,
        "this_node": lambda: ("n", {}),
    }.items():
        monkeypatch.setattr(ray_node, name, one)
    assert await ray_node._worked(order, Attempt("i", "a", None, ""), tmp_path, tmp_path, None) == "i"
    assert not left.exists()
    names, pulls, *_ = asked[0]
    assert (names, room.had) == ({"i": "image-of-i"}, ["i"])
    assert isinstance(pulls, RemoteSlots)
    assert pulls.total == 3
