"""What all nodes share, asked by tasks that are called off, over calls that go on and overtake each other."""

from __future__ import annotations

import asyncio

import pytest

from agent.budget import Call, SpentError
from agent.models.errors import ModelUnavailableError, RateLimitedError
from runs.batch.ray_commons import Asker, RemotePaces, RemotePurse, RemoteSlots, Shared
from runs.purse import Spending
from runs.recipe import Allowance
from sandbox.slots import Slots
from tests.runs.acted import Actor

CALL = Call("m", 1000, 100)


def turn(asker):
    return RemotePaces(asker).of("m").turn()


def money(asker):
    return RemotePurse(asker).reserved(CALL)


def slot(asker, node="n"):
    return RemoteSlots(asker, node, Slots("tests", 1)).turn()


async def hold(held, seconds=0.0):
    async with held:
        await asyncio.sleep(seconds)


async def call_off(tasks):
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.05)


@pytest.mark.parametrize("what", [turn, money, slot])
async def test_who_is_called_off_while_waiting_holds_nothing(what):
    shared = Shared(Allowance(dollars=5.0), 1, {})
    asker = Asker(Actor(shared), "a")
    async with what(asker):
        waiting = [asyncio.create_task(hold(what(asker))) for _ in range(2)]
        await asyncio.sleep(0.05)
        await call_off(waiting)
    async with asyncio.timeout(5):
        await hold(what(asker))


@pytest.mark.parametrize("what", [turn, money, slot])
async def test_who_is_called_off_before_an_answer_comes_holds_nothing(what):
    shared = Shared(Allowance(dollars=5.0), 1, {})
    late = Asker(Actor(shared, [0.1]), "a")  # what gives it back overtakes what asks for it
    asking = asyncio.create_task(hold(what(late)))
    await asyncio.sleep(0.01)
    await call_off([asking])
    await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        await hold(what(Asker(Actor(shared), "b")))


@pytest.mark.parametrize("what", [turn, money, slot])
async def test_an_attempt_that_has_ended_holds_nothing_and_is_given_nothing(what):
    shared = Shared(Allowance(dollars=5.0), 1, {})
    gone = Asker(Actor(shared), "gone")
    tasks = [asyncio.create_task(hold(what(gone), 60.0)) for _ in range(3)]
    await asyncio.sleep(0.05)
    await shared.forget("gone")
    async with asyncio.timeout(5):
        await hold(what(Asker(Actor(shared), "b")))
        await shared.take_turn(("gone", 98), "m")
        await shared.take_slot(("gone", 99), "n", "tests", 1)
        await hold(what(Asker(Actor(shared), "b")))
    await call_off(tasks)


async def test_what_was_paid_counts_before_what_was_set_aside_is_given_back():
    shared = Shared(Allowance(dollars=1.0), 8, {})
    purse = RemotePurse(Asker(Actor(shared, [0, 0.2]), "a"))  # what tells the spending is overtaken
    async with purse.reserved(CALL):
        purse.put("i", Spending(dollars=1.0, input=10, output=1, steps=1))
    with pytest.raises(SpentError):
        await hold(RemotePurse(Asker(Actor(shared), "b")).reserved(CALL))


async def test_spending_that_is_told_late_changes_nothing():
    shared = Shared(Allowance(dollars=9.0), 8, {})
    for steps in (6, 5):
        await shared.put("i", Spending(dollars=1.0 * steps, input=10 * steps, output=steps, steps=steps))
    assert (await shared.told())[2].dollars == 6.0


async def test_failures_of_an_endpoint_reach_its_pace_and_a_call_that_is_called_off_does_not():
    shared = Shared(Allowance(), 8, {})
    asker = Asker(Actor(shared), "a")
    with pytest.raises(RateLimitedError):
        async with turn(asker):
            raise RateLimitedError("slow down", retry_after=0.05)
    pace = shared._paces.of("m")
    await asyncio.sleep(0.01)
    assert pace.limit == 5.6
    pace._failures = 3
    calling = asyncio.create_task(hold(turn(asker), 60.0))
    await asyncio.sleep(0.2)
    await call_off([calling])
    assert (pace._failures, pace.running) == (3, 0)


async def test_those_who_wait_for_an_endpoint_that_is_gone_are_told():
    shared = Shared(Allowance(), 1, {})
    asker = Asker(Actor(shared), "a")
    async with turn(asker):
        waiting = asyncio.create_task(hold(turn(asker)))
        await asyncio.sleep(0.05)
        shared._paces.of("m")._queue[0].set_exception(ModelUnavailableError("see to its server"))
        with pytest.raises(ModelUnavailableError, match=r"^see to its server$"):
            await waiting


async def test_issues_on_a_node_share_its_slots_and_other_nodes_have_their_own():
    shared = Shared(Allowance(), 8, {})
    one, other = Asker(Actor(shared), "a"), Asker(Actor(shared), "b")
    async with slot(one):
        async with asyncio.timeout(5):
            await hold(slot(other, node="m"))
        waiting = asyncio.create_task(hold(slot(other)))
        await asyncio.sleep(0.05)
        assert not waiting.done()
    async with asyncio.timeout(5):
        await waiting


async def test_how_full_the_limits_are_is_told_over_all_nodes():
    shared = Shared(Allowance(), 1, {})
    asker = Asker(Actor(shared), "a")
    assert (await shared.told())[3] == "no node has begun yet"
    async with slot(asker), slot(asker, node="m"), turn(asker):
        waiting = asyncio.create_task(hold(slot(asker)))
        await asyncio.sleep(0.05)
        assert (await shared.told())[3] == "tests: 2 of 2, 1 wait; m: 1 of 1 calls, 0 wait"
    await waiting
