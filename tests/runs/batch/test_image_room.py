"""Images of a queue on an engine and a registry of this machine: ahead of need, and gone behind it."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
import shutil
import subprocess
import sys
import tarfile
import threading
import time

import docker
import pytest

from runs.batch.images import ImageRoom
from runs.batch.outcome import Failure, Outcome, Status
from runs.batch.queue import Queue, Stop
from sandbox.docker.images import PREFIX, build_image, find_image
from sandbox.slots import Slots
from tests.conftest import push

pytestmark = pytest.mark.docker

SIZE = 1_000_000
USES = {"a-1": "one", "a-2": "one", "b-1": "two", "c-1": "three", "d-1": "gone"}
"""Which image each issue needs; the registry has no `gone`."""


@pytest.fixture
def images(own_engine, monkeypatch):
    """An engine without images, and a registry with three of a megabyte."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    registry, process = own_engine.serve_registry()
    client = docker.DockerClient(own_engine.address)
    for name in ("one", "two", "three"):
        full = f"{registry}/hub/tests/{name}:1"
        push(client, _image(client), full)
    client.images.prune({"dangling": False})
    monkeypatch.setenv(PREFIX, f"{registry}/hub")
    yield client
    client.close()
    process.kill()
    process.wait()


def _image(client):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo("content")
        member.size = SIZE
        archive.addfile(member, io.BytesIO(secrets.token_bytes(SIZE)))
    told = client.api.import_image_from_data(packed.getvalue())
    return json.loads(told.splitlines()[-1])["status"]


class Looking:
    """Says of every issue that it is done, and notes which images are there meanwhile."""

    def __init__(self, client):
        self.client = client
        self.seen = {}

    async def run(self, instance_id, listen):
        self.seen[instance_id] = here(self.client)
        return Outcome(instance_id=instance_id, status=Status.ABSTAINED)


def here(client):
    """Return the names of the images that are there."""
    tags = [tag for image in client.images.list() for tag in image.tags]
    return {tag.rpartition("/")[2].removesuffix(":1") for tag in tags}


def room_on(client, ahead, budget):
    said = []
    names = {issue: f"tests/{name}:1" for issue, name in USES.items()}
    return ImageRoom(client, names, Slots("pulls", 2), ahead, budget, said.append), said


async def worked(client, ahead, budget):
    room, said = room_on(client, ahead, budget)
    looking = Looking(client)
    queue = Queue(list(USES), looking, room, lambda step: None, lambda outcome: None)
    try:
        await queue.work(1)
    finally:
        await room.close()
    return looking.seen, said


async def test_each_image_is_here_for_its_issues_and_gone_after_the_last_where_room_is_needed(images):
    seen, said = await worked(images, ahead=0, budget=SIZE // 2)
    assert [seen[issue] for issue in USES] == [{"one"}, {"one"}, {"two"}, {"three"}, set()]
    assert here(images) == set()
    assert sum("removed the image" in line for line in said) == 3
    assert [line for line in said if line.startswith("tests/gone:1")]


async def test_as_many_images_stay_as_the_budget_holds(images):
    seen, _ = await worked(images, ahead=0, budget=int(2.5 * SIZE))
    assert seen["b-1"] == {"one", "two"}
    assert seen["c-1"] == {"two", "three"}  # the first made room
    assert here(images) == {"three"}


async def test_images_come_ahead_where_the_budget_holds_them(images):
    room, _ = room_on(images, 3, int(2.5 * SIZE))
    await room.before("a-1")
    await asyncio.gather(*room._pulls.values())
    assert here(images) == {"one", "two"}
    await room.before("a-2")
    await asyncio.gather(*room._pulls.values())
    assert here(images) == {"one", "two"}
    await room.close()


async def test_the_budget_holds_though_an_issue_comes_once_more(images):
    class Failing(Looking):
        async def run(self, instance_id, listen):
            again = instance_id in self.seen
            outcome = await super().run(instance_id, listen)
            self.most = max(self.most, len(here(self.client)))
            await asyncio.sleep(0.3)  # in which images come ahead
            if instance_id != "a-1" or again:
                return outcome
            changed = {"status": Status.INFRASTRUCTURE, "failure": Failure.SANDBOX}
            return outcome.model_copy(update=changed)

    room, _ = room_on(images, ahead=3, budget=int(1.5 * SIZE))
    failing = Failing(images)
    failing.most = 0
    queue = Queue(list(USES), failing, room, lambda step: None, lambda outcome: None)
    try:
        await queue.work(1)
    finally:
        await room.close()
    assert failing.most == 1
    assert failing.seen["a-1"] == here(images) == {"one"}  # fetched again, and nothing else with it


def test_a_stop_waits_for_no_registry(images, own_engine, monkeypatch):
    """A registry that takes the call and says nothing, as one whose layer comes slowly."""
    silent = "import socket; s = socket.create_server(('127.0.0.1', 5001)); print(1, flush=True); input()"
    inside = ["nsenter", f"--net=/proc/{own_engine.process.pid}/ns/net", sys.executable, "-c", silent]
    monkeypatch.setenv(PREFIX, "127.0.0.1:5001")

    async def stopped():
        room, _ = room_on(images, 0, None)
        queue = Queue(list(USES), Looking(images), room, lambda step: None, lambda outcome: None)
        working = asyncio.create_task(queue.work(1))
        await asyncio.sleep(0.5)
        queue.stop(Stop.INTERRUPTED)
        await asyncio.wait([working])
        await room.close()

    with subprocess.Popen(inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        began = time.monotonic()
        asyncio.run(stopped())
        took = time.monotonic() - began
    for thread in threading.enumerate():
        if thread.name == "mangabey-images":  # what is left behind ends with the next word of the engine
            thread.join(60)
            assert not thread.is_alive()
    assert took < 8


async def test_a_registry_that_is_away_is_said_while_it_is_tried_again(images, monkeypatch):
    monkeypatch.setenv(PREFIX, "127.0.0.1:1")
    loop, said = asyncio.get_running_loop(), asyncio.Queue()
    names, slots = {"a-1": "tests/one:1"}, Slots("pulls", 1)

    def say(line):
        loop.call_soon_threadsafe(said.put_nowait, line)

    room = ImageRoom(images, names, slots, 0, None, say)
    waiting = asyncio.create_task(room.before("a-1"))
    async with asyncio.timeout(30):
        line = await said.get()
    waiting.cancel()
    await room.close()
    assert line.startswith("pulling 127.0.0.1:1/tests/one:1 failed (")
    assert "connection refused" in line


async def test_without_a_budget_images_stay(images):
    await worked(images, ahead=0, budget=None)
    assert here(images) == {"one", "two", "three"}


async def test_the_next_images_come_while_an_issue_runs(images):
    room, _ = room_on(images, 2, None)
    await room.before("a-1")
    assert "one" in here(images)
    await room.before("b-1")  # which was begun with a-1
    assert {"one", "two"} <= here(images)
    await room.close()


async def test_an_image_made_here_is_never_removed(images):
    images.images.get(_image(images)).tag("tests/one:1")
    await worked(images, ahead=0, budget=1)
    assert here(images) == {"one"}


async def test_an_image_stays_while_an_issue_under_way_uses_it_by_another_name(images):
    known = find_image(images, "tests/one:1")
    images.images.get(known).tag("tests/two:1")
    room, _ = room_on(images, 0, SIZE // 2)
    for issue in ("b-1", "a-1", "a-2"):
        await room.before(issue)
    for issue in ("a-1", "a-2"):
        await room.after(issue, again=False)
    assert [image.id for image in images.images.list()] == [known]
    await room.after("b-1", again=False)
    await room.close()
    assert here(images) == set()


async def test_an_image_that_somebody_has_named_stays(images):
    images.images.get(find_image(images, "tests/one:1")).tag("mine:latest")
    _, said = await worked(images, ahead=0, budget=SIZE // 2)
    assert {tag for image in images.images.list() for tag in image.tags} >= {"mine:latest"}
    assert here(images) == {"one", "mine:latest"}
    assert "tests/one:1 stays: it is mine:latest, too" in said


async def test_what_was_built_on_an_image_goes_with_it_and_what_others_built_stays(images):
    base = find_image(images, "tests/one:1")
    mine = build_image(images, base, [], {"/mine": b"1"})
    upon = build_image(images, mine, [], {"/upon": b"2"})
    other = _image(images)
    images.images.get(other).tag("tests/other:1")
    others = build_image(images, other, [], {"/theirs": b"3"})
    image, _ = images.images.build(
        fileobj=io.BytesIO(f"FROM {base}\nENV A=1\n".encode()), tag="tests/further:1"
    )
    further = build_image(images, str(image.id), [], {"/further": b"4"})
    _, said = await worked(images, ahead=0, budget=SIZE // 2)
    left = {image.id for image in images.images.list()}
    assert not left & {mine, upon}, said
    assert left >= {other, others, image.id, further}, said
