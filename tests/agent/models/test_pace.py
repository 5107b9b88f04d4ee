from __future__ import annotations

import asyncio

import pytest

from agent.models.errors import (
    BadRequestError,
    ModelUnavailableError,
    RateLimitedError,
    ServerFailedError,
)
from agent.models.pace import CUT, DOWN, FIRST_PAUSE, GIVEN_UP, AdaptivePace
from agent.waiting import stopped_by
from sandbox.work import Work, part_of


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


async def send(pace, clock, error=None, seconds=1.0, latency=None):
    async with pace.turn() as turn:
        await asyncio.sleep(0)
        clock.now += seconds
        turn.latency = latency
        if error:
            raise error


async def fail(pace, clock, error):
    with pytest.raises(type(error)):
        await send(pace, clock, error)


async def rounds(pace, clock, count):
    """Keep the pace busy: as many as may run at one time, again and again."""
    for _ in range(count):
        gate = asyncio.Event()

        async def one(gate=gate):
            async with pace.turn():
                await gate.wait()

        tasks = [asyncio.create_task(one()) for _ in range(int(pace.limit))]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        clock.now += 1
        gate.set()
        await asyncio.gather(*tasks)


async def test_it_grows_while_its_limit_is_used_and_stays_while_not(clock):
    pace = AdaptivePace("x", first=4, clock=clock)
    for _ in range(10):
        await send(pace, clock)
    assert pace.limit == 4
    await rounds(pace, clock, 1)
    assert pace.limit > 4


async def test_a_refusal_cuts_once_for_all_that_were_under_way_and_growth_is_slow_after(clock):
    pace = AdaptivePace("x", first=10, clock=clock)

    async def refused():
        async with pace.turn():
            await asyncio.sleep(0)
            raise RateLimitedError("429")

    found = await asyncio.gather(*(refused() for _ in range(10)), return_exceptions=True)
    assert all(isinstance(one, RateLimitedError) for one in found)
    assert pace.limit == pytest.approx(10 * CUT)
    clock.now += 1
    await rounds(pace, clock, 1)
    assert 10 * CUT < pace.limit <= 10 * CUT + 1


async def test_never_more_than_the_limit_run_and_all_get_their_turn():
    pace = AdaptivePace("x", first=3, most=3)
    most = done = 0

    async def one():
        nonlocal most, done
        async with pace.turn():
            most = max(most, pace.running)
            await asyncio.sleep(0.001)
            done += 1

    await asyncio.gather(*(one() for _ in range(50)))
    assert (most, done, pace.running, pace.waiting) == (3, 50, 0, 0)


async def test_retry_after_holds_everybody_back_and_the_wait_counts_for_nobody():
    pace = AdaptivePace("x", first=2)
    loop = asyncio.get_running_loop()
    with pytest.raises(RateLimitedError):
        async with pace.turn():
            raise RateLimitedError("429", retry_after=0.3)
    stood = []

    class Stop:
        def __enter__(self):
            stood.append(loop.time())

        def __exit__(self, *_):
            stood.append(loop.time())

    began = loop.time()
    with stopped_by(Stop):
        async with pace.turn():
            assert loop.time() - began >= 0.29
    assert stood[1] - stood[0] >= 0.29


async def test_an_endpoint_that_fails_again_and_again_is_left_alone_and_then_tried_by_one(clock):
    pace = AdaptivePace("x", first=8, clock=clock)
    for _ in range(DOWN):
        await fail(pace, clock, ServerFailedError("503"))
    assert pace.is_down
    assert "down" in pace.told()
    waiting = [asyncio.create_task(send(pace, clock)) for _ in range(3)]
    await asyncio.sleep(0)
    assert pace.running == 0
    assert pace.waiting == 3
    clock.now += FIRST_PAUSE + 1
    pace._wake()
    await asyncio.gather(*waiting)
    assert not pace.is_down


async def test_those_who_wait_for_an_endpoint_that_stays_down_are_told(clock):
    pace = AdaptivePace("x", clock=clock)
    for _ in range(DOWN):
        await fail(pace, clock, ServerFailedError("503"))
    clock.now += GIVEN_UP + 1
    probe = asyncio.create_task(fail(pace, clock, ServerFailedError("503")))
    waiting = asyncio.create_task(send(pace, clock))
    await probe
    with pytest.raises(ModelUnavailableError, match="has not answered for 30 minutes"):
        await waiting


async def test_a_refused_request_says_nothing_against_the_endpoint(clock):
    pace = AdaptivePace("x", first=4, clock=clock)
    for _ in range(20):
        await fail(pace, clock, BadRequestError("no"))
    assert pace.limit == 4
    assert not pace.is_down


async def test_answers_that_become_much_slower_cut_the_limit(clock):
    pace = AdaptivePace("x", first=8, clock=clock)
    for _ in range(30):
        await send(pace, clock, latency=0.5)
    assert pace.limit == 8
    for _ in range(30):
        await send(pace, clock, latency=30.0)
    assert pace.limit < 8


async def test_a_wait_that_is_cut_off_leaves_no_hole():
    pace = AdaptivePace("x", first=1, most=1)
    async with pace.turn():
        waiting = [asyncio.create_task(send(pace, Clock())) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.sleep(0)
    await asyncio.gather(*waiting[1:])
    assert (pace.running, pace.waiting) == (0, 0)


async def test_who_waits_for_an_endpoint_says_so_and_is_held_up_while_others_are_answered(clock):
    pace, others, mine = AdaptivePace("x", first=1, clock=clock), Work(), Work()

    async def wait():
        with part_of(mine):
            async with pace.turn():
                pass

    with part_of(others):
        async with pace.turn():
            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0)
            assert [one.what for one in mine.awaited()] == ["a turn at x"]
            assert mine.is_held_up()
            assert not others.is_held_up()
    await waiting
    assert mine.is_busy()
    pace._hold(60)
    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    assert mine.is_held_up()  # the server asks for patience
    waiting.cancel()
