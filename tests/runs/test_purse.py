from __future__ import annotations

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.budget import SpentError
from agent.messages import Reply, Usage
from agent.trajectory import ExitReason
from runs.journal import Journal
from runs.ledger import Ledger, RunSpentError
from runs.purse import Purse, RunPurse, Spending
from runs.recipe import Allowance
from runs.tape import JournalTape


class Spender:
    """Calls that all cost the same, side by side, out of one purse."""

    def __init__(self, allowance, price=0.25):
        self.spent = Spending()
        self.price = price
        self.purse = Purse("run", allowance, lambda: self.spent)
        self.most = self.under_way = 0

    async def call(self):
        async with self.purse.reserved(1000):
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(0.001)
            more = Spending(
                dollars=self.price or 0.0, unpriced=self.price is None, input=100, output=10, steps=1
            )
            self.spent = self.spent + more
            self.purse.prices.learn(self.price, 110)
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
        async with spender.purse.reserved(4000):
            pass


async def test_issues_share_the_run_and_what_each_says_again_counts_once(tmp_path):
    run = RunPurse(Allowance(dollars=1.0))
    reply = Reply(cost=0.25, usage=Usage(input=100, output=10))
    with Journal(tmp_path / "a") as first, Journal(tmp_path / "b") as second:
        ledgers = [Ledger(journal, Allowance(), run) for journal in (first, second)]
        for number in range(2):
            for ledger, journal in zip(ledgers, (first, second), strict=True):
                async with ledger.reserved(100):
                    await JournalTape(journal, 0).keep_reply(number, reply, "key")
        assert run.total.dollars == 1.0
        with pytest.raises(RunSpentError, match="the run's"):
            async with ledgers[0].reserved(100):
                pass
    with Journal(tmp_path / "a") as again:
        assert Ledger(again, Allowance(), run).spent.dollars == 0.5
        assert run.total == Spending(dollars=1.0, input=400, output=40, steps=4)
