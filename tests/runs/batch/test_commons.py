from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from benchmarks.null_sandbox import NullSandbox
from runs.batch.watch import Watch
from runs.commons import Paces, commands_for, sandboxes_for
from runs.journal import Journal
from runs.progress import Noticed, SampleBegan, SampleEnded, StageBegan
from runs.recipe import Recipe
from sandbox.base import Root
from sandbox.sizing import Machine
from sandbox.slots import Slots, SlottedSandbox
from sandbox.work import Work, part_of


def test_models_at_one_address_share_a_pace():
    paces = Paces(64)
    assert paces.of("vllm/a@http://h:1/v1") is paces.of("compatible/b@http://h:1/v1")
    assert paces.of("litellm/x/a") is not paces.of("litellm/x/b")


@pytest.mark.parametrize(
    ("memory", "cores", "expected"), [(64 << 30, 4, 16), (5 << 30, 16, 2), (1 << 20, 1, 1)]
)
def test_sandboxes_go_by_cores_and_memory(memory, cores, expected):
    assert sandboxes_for(Machine(memory, 1 << 40, cores), Recipe(memory_mb=2048)) == expected
    assert commands_for(Machine(memory, 1 << 40, cores)) >= 2


async def test_commands_of_forks_of_forks_share_the_slots_and_never_wait_for_each_other(tmp_path):
    running = most = 0

    class Counting(NullSandbox):
        async def exec(self, command, **options):
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1
            return await super().exec(command, **options)

        async def fork(self):
            return Counting(self._root, self._written)

    slots = Slots("tests", 2)
    base = SlottedSandbox(Counting(Root(tmp_path, tmp_path, ""), {}), slots)

    async def row():
        room = await base.fork()
        boxes = [await room.fork() for _ in range(4)]
        await asyncio.gather(*(box.exec("true") for box in boxes))

    async with asyncio.timeout(10):
        await asyncio.gather(*(row() for _ in range(5)))
    assert most == 2
    assert (slots.taken, slots.waiting) == (0, 0)


async def test_the_watch_names_what_is_waited_for(tmp_path):
    told = []
    watch = Watch(told.append)
    with Journal(tmp_path / "i") as journal:
        watch.journal = journal
        watch.listen(StageBegan("sample"))
        for sample in range(4):
            watch.listen(SampleBegan(sample, "tool-agent"))
        reply = {"tool_calls": [{"name": "bash"}]}
        await journal.append("reply", {"sample": 0, "turn": 5, "reply": reply})
        await journal.append("observation", {"sample": 1, "turn": 7, "index": 0, "observation": {}})
        watch.listen(SampleEnded(3, "submitted", "", 1.0))
        words = watch.awaited()
    assert "sample 0 waits for bash of 5" in words
    assert "sample 1 waits for the model after turn 7" in words
    assert "sample 2 waits for its sandbox or its first reply" in words
    assert "sample 3" not in words
    assert set(watch.end()) == {"load", "sample"}


async def test_only_what_nothing_happens_in_is_ended(tmp_path):
    told = []
    watch = Watch(told.append)
    with Journal(tmp_path / "i") as journal:
        watch.journal = journal

        async def busy():
            for number in range(8):
                await journal.append("cell", {"n": number})
                await asyncio.sleep(0.1)

        async def worked():
            async with asyncio.timeout(None) as scope:
                watching = asyncio.create_task(watch.end_when_stuck(scope, asyncio.Timeout(None), 0.5))
                try:
                    await busy()
                    assert not any(isinstance(one, Noticed) for one in told)
                    await asyncio.sleep(30)
                finally:
                    watching.cancel()

        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await worked()
    assert 1.2 <= time.monotonic() - began < 10
    assert told[-1].text.startswith("still waiting: stage load")


@asynccontextmanager
async def held(slots, work):
    """Hold a slot as a part of somebody's work."""
    with part_of(work):
        async with slots.turn():
            yield


async def watched(watch, inside, *, quiet, deadline):
    """Do something under watch, and return whether the issue was ended as stuck or by its deadline."""
    try:
        async with asyncio.timeout(deadline) as end:
            try:
                async with asyncio.timeout(None) as stuck:
                    watching = asyncio.create_task(watch.end_when_stuck(stuck, end, quiet))
                    try:
                        with part_of(watch.work):
                            await inside()
                    finally:
                        watching.cancel()
            except TimeoutError:
                return "stuck" if stuck.expired() else "deadline"
    except TimeoutError:
        return "deadline"
    return "done"


async def test_waiting_for_others_stops_both_clocks_and_is_named():
    slots, told, others = Slots("sandboxes", 1, "a sandbox"), [], Work()
    watch = Watch(told.append)

    async def hold():
        async with held(slots, others):
            began.set()
            await asyncio.sleep(1.5)

    async def wait():
        async with slots.turn():
            pass

    began = asyncio.Event()
    holding = asyncio.create_task(hold())
    await began.wait()
    assert await watched(watch, wait, quiet=0.4, deadline=0.8) == "done"
    await holding
    (notice,) = told
    assert "stage load, behind others for" in notice.text
    assert notice.text.endswith("; waits for a sandbox")


async def test_a_part_of_the_issue_that_hangs_is_ended_though_others_of_it_wait():
    slots = Slots("sandboxes", 1, "a sandbox")

    async def hang():
        async with slots.turn():
            await asyncio.sleep(30)

    async def both():
        await asyncio.gather(hang(), hang())

    assert await watched(Watch(lambda progress: None), both, quiet=0.4, deadline=20) == "stuck"
    assert (slots.taken, slots.waiting) == (0, 0)


async def test_who_wait_for_each_other_are_ended():
    first, second = Slots("sandboxes", 1), Slots("tests", 1)

    async def take(one, other):
        async with one.turn():
            await asyncio.sleep(0.1)
            async with other.turn():
                pass

    watches = [Watch(lambda progress: None) for _ in range(2)]
    async with asyncio.timeout(20):
        ends = await asyncio.gather(
            watched(watches[0], lambda: take(first, second), quiet=0.5, deadline=20),
            watched(watches[1], lambda: take(second, first), quiet=0.5, deadline=20),
        )
    assert "stuck" in ends
