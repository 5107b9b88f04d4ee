from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.budget import Call, SpentError
from agent.messages import Attempt, Reply, Usage
from agent.trajectory import ExitReason
from runs.journal import Journal
from runs.ledger import Ledger, RunSpentError
from runs.prices import OUTPUT, Prices
from runs.purse import Purse, RunPurse, Spending
from runs.recipe import Allowance
from runs.tape import JournalTape

CALL = Call("m", 100, 10)


class Spender:
    """Calls that all cost the same, side by side, out of one purse."""

    def __init__(self, allowance, price=0.25):
        self.spent = Spending()
        self.price = price
        self.purse = Purse("run", allowance, lambda: self.spent, Prices())
        self.most = self.under_way = 0

    async def call(self):
        async with self.purse.reserved(CALL) as answered:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(0.001)
            more = Spending(
                dollars=self.price or 0.0, unpriced=self.price is None, input=100, output=10, steps=1
            )
            self.spent = self.spent + more
            answered(self.price, Usage(input=100, output=10))
            self.under_way -= 1

    async def many(self, count):
        async def until_empty():
            with contextlib.suppress(SpentError):
                while True:
                    await self.call()

        await asyncio.gather(*(until_empty() for _ in range(count)))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20), st.integers(1, 12))
def test_calls_side_by_side_use_what_there_is_and_never_more(quarters, count):
    spender = Spender(Allowance(dollars=quarters * 0.25))
    asyncio.run(spender.many(count))
    assert spender.spent.dollars == quarters * 0.25


@pytest.mark.parametrize(
    ("allowance", "steps", "reason"),
    [
        (Allowance(tokens=1150), 10, ExitReason.COST_LIMIT),
        (Allowance(steps=7), 7, ExitReason.STEP_LIMIT),
    ],
)
async def test_tokens_and_steps_are_kept_the_same_way(allowance, steps, reason):
    spender = Spender(allowance)
    await spender.many(5)
    assert spender.spent.steps == steps
    with pytest.raises(SpentError) as over:
        await spender.call()
    assert over.value.reason is reason


async def test_one_call_goes_ahead_while_no_price_is_known_and_all_go_then():
    spender = Spender(Allowance(dollars=100))
    first = [asyncio.create_task(spender.call()) for _ in range(6)]
    await asyncio.sleep(0)
    assert spender.under_way == 1
    await asyncio.gather(*first)
    assert spender.most == 5


async def test_a_price_that_is_not_known_is_said_and_bounds_nothing():
    spender = Spender(Allowance(dollars=0.01), price=None)
    for _ in range(3):
        await spender.call()
    assert spender.spent.price() == "price unknown"
    assert (spender.spent + Spending(dollars=1.0, steps=1)).price() == "$1.00 and 3 calls of unknown price"
    assert Spending().price() == "$0.00"


async def test_a_longer_prompt_sets_more_aside():
    spender = Spender(Allowance(dollars=1.0))
    await spender.call()
    with pytest.raises(SpentError, match=r"the run's \$1.00 are too few"):
        async with spender.purse.reserved(Call("m", 401, 10)):
            pass


async def test_a_short_prompt_with_a_long_reply_makes_no_long_prompt_dear():
    spender = Bills(5.0)
    await spender.pay(Call("m", 200, 8000), 0.06, Usage(input=200, output=4000))
    await spender.pay(Call("m", 40_000, 8000), 0.18, Usage(input=40_000, output=4000))
    assert spender.purse.prices.bound(Call("m", 50_000, 8000)).tokens == 58_000


async def test_issues_share_the_run_and_what_each_says_again_counts_once(tmp_path):
    run = RunPurse(Allowance(dollars=1.0))
    reply = Reply(cost=0.25, usage=Usage(input=100, output=10))
    with Journal(tmp_path / "a") as first, Journal(tmp_path / "b") as second:
        ledgers = [Ledger(journal, Allowance(), run) for journal in (first, second)]
        for number in range(2):
            for ledger, journal in zip(ledgers, (first, second), strict=True):
                async with ledger.reserved(CALL) as answered:
                    await JournalTape(journal, 0).keep_reply(number, reply, "key")
                    answered(reply.cost, reply.usage)
        assert run.total.dollars == 1.0
        with pytest.raises(RunSpentError, match="the run's"):
            async with ledgers[0].reserved(CALL):
                pass
    with Journal(tmp_path / "a") as again:
        assert Ledger(again, Allowance(), run).spent.dollars == 0.5
        assert run.total == Spending(dollars=1.0, input=400, output=40, steps=4)


async def test_what_a_failed_call_was_paid_counts_before_the_next_goes(tmp_path):
    usage = Usage(input=100, output=10)
    failed = Attempt(error="broken", message="cut off", seconds=1, cost=0.7, usage=usage)
    with Journal(tmp_path) as journal:
        ledger, tape = Ledger(journal, Allowance(dollars=1.0)), JournalTape(journal, 0)

        async def pay(turn):
            async with ledger.reserved(CALL) as answered:
                await tape.keep_reply(turn, Reply(cost=0.25, usage=usage), "key")
                answered(0.25, usage)

        async def fail(turn):
            async with ledger.reserved(CALL):
                await asyncio.sleep(0.01)
                await tape.keep_failure(turn, (failed,), "failed", "key")
                raise ConnectionError

        await pay(0)
        done = await asyncio.gather(fail(1), pay(2), return_exceptions=True)
        assert [type(one) for one in done] == [ConnectionError, SpentError]
        assert ledger.spent.dollars == 0.95


class Bills:
    """Calls of several models out of one purse, each with a bill of its own.

    Attributes:
        total: dollars spent.
        first: what the first call of each model has cost.
        above: the most by which a call has cost more than the dearest before it.
    """

    def __init__(self, dollars):
        self.spent = Spending()
        self.purse = Purse("run", Allowance(dollars=dollars), lambda: self.spent, Prices())
        self.under_way = []
        self.first = {}
        self.above = self.most = 0

    async def pay(self, call, dollars, usage, ticks=3):
        async with self.purse.reserved(call) as answered:
            self.above = max(self.above, dollars - self.purse.prices.estimate(call).dollars)
            self.under_way.append(call.model)
            self.most = max(self.most, len(self.under_way))
            for _ in range(ticks):
                await asyncio.sleep(0)
            self.spent = self.spent + Spending(dollars=dollars, steps=1)
            self.first.setdefault(call.model, dollars)
            answered(dollars, usage)
            self.under_way.remove(call.model)

    async def pay_all(self, bills):
        return await asyncio.gather(*(self.pay(*bill) for bill in bills), return_exceptions=True)


@st.composite
def bills(draw):
    """Return calls of two models at fixed rates, those of output no more than `OUTPUT` times dearer."""
    rates = {}
    for model in "ab":
        rate = draw(st.integers(1, 50)) / 10_000
        rates[model] = rate, rate * draw(st.floats(1, OUTPUT))
    found = []
    for _ in range(draw(st.integers(1, 40))):
        model, prompt, reply = draw(st.sampled_from("ab")), draw(st.integers(1, 90)), draw(st.integers(1, 90))
        usage = Usage(input=draw(st.integers(1, prompt)), output=draw(st.integers(0, reply)))
        dollars = usage.input * rates[model][0] + usage.output * rates[model][1]
        found.append((Call(model, prompt, reply), dollars, usage, draw(st.integers(0, 5))))
    return found


@settings(max_examples=200, deadline=None)
@given(bills(), st.floats(0.01, 5))
def test_dollars_are_passed_by_first_calls_and_by_one_call_above_the_dearest_before_it(calls, limit):
    spender = Bills(limit)
    asyncio.run(spender.pay_all(calls))
    bound = limit + sum(spender.first.values()) + spender.above
    assert spender.spent.dollars <= bound * (1 + 1e-9)


async def test_calls_that_become_dear_after_a_cheap_one_are_not_all_under_way():
    call, usage, spender = Call("m", 1000, 8192), Usage(input=1000, output=100), Bills(1.0)
    await spender.pay_all([(call, 0.01, usage), *[(call, 0.6, usage)] * 15])
    assert spender.spent.dollars <= 1.0 + 0.6


async def test_where_money_is_plentiful_all_go_at_once_behind_the_first():
    call, spender = Call("m", 1000, 8192), Bills(200.0)
    done = await spender.pay_all([(call, 0.01, Usage(input=1000, output=100))] * 100)
    assert done == [None] * 100
    assert spender.most == 99


async def test_a_dear_model_neither_ends_a_cheap_one_nor_is_let_go_side_by_side_by_its_price():
    cheap, dear, usage = Call("cheap", 100, 10), Call("dear", 100, 10), Usage(input=100, output=10)
    spender = Bills(1.0)
    await spender.pay_all([(cheap, 0.01, usage)] * 5)
    done = await spender.pay_all([(dear, 0.6, usage)] * 8)
    assert [type(one) for one in done] == [type(None), *[SpentError] * 7]
    assert spender.purse.used_up() is None
    assert await spender.pay_all([(cheap, 0.01, usage)] * 30) == [None] * 30
    assert spender.spent.dollars == pytest.approx(0.95)


async def test_issues_learn_prices_from_each_other(tmp_path):
    run, going = RunPurse(Allowance()), asyncio.Event()
    run.prices.learn(CALL, 0.01, Usage(input=100, output=10))
    with Journal(tmp_path / "a") as journal:
        ledger = Ledger(journal, Allowance(dollars=10.0), run)

        async def call():
            async with ledger.reserved(CALL):
                await going.wait()

        calls = [asyncio.create_task(call()) for _ in range(4)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert len(ledger._issue._under_way) == 4
        going.set()
        await asyncio.gather(*calls)
