from __future__ import annotations

import pytest

from agent.budget import Budget, exceeded, spent
from agent.messages import Attempt, Reply, Usage
from agent.trajectory import ExitReason, Observation
from runs.journal import Journal
from runs.ledger import Ledger
from runs.recipe import Allowance
from runs.tape import JournalTape

LOST = Attempt(
    error="ServerFailedError", message="503", seconds=1.0, waited=0.5, usage=Usage(input=3), cost=0.1
)
REPLY = Reply(usage=Usage(input=100, output=10), cost=0.25, seconds=2.0, attempts=(LOST,))
SEEN = Observation(call_id="a", text="x", seconds=4.0)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path) as opened:
        yield opened


async def turn(journal, sample, number, reply=REPLY):
    tape = JournalTape(journal, sample)
    await tape.keep_reply(number, reply, "key")
    await tape.keep_observation(number, 0, SEEN)


async def test_it_adds_up_all_trajectories_as_their_own_budgets_do(journal):
    ledger = Ledger(journal, Allowance())
    for sample in range(3):
        await turn(journal, sample, 0)
    await JournalTape(journal, 1).keep_failure(1, [LOST, LOST], "dead", "key")
    assert ledger.exceeded() is None
    assert ledger.spent.dollars == pytest.approx(3 * 0.35 + 0.2)
    assert ledger.spent.tokens == 3 * 113 + 6
    assert ledger.spent.seconds == pytest.approx(3 * (2.0 + 1.5 + 4.0))


@pytest.mark.parametrize(
    ("allowance", "reason", "said"),
    [
        (Allowance(dollars=0.7), ExitReason.COST_LIMIT, "the issue's $0.70 are used"),
        (Allowance(tokens=226), ExitReason.COST_LIMIT, "the issue's 226 tokens are used"),
        (Allowance(seconds=15), ExitReason.TIME_LIMIT, "the issue's 15 s are used"),
    ],
)
async def test_whatever_is_used_up_ends_the_next_turn_of_all(journal, allowance, reason, said):
    budget = Budget(common=Ledger(journal, allowance))
    await turn(journal, 0, 0)
    assert exceeded(budget, spent([])) is None
    await turn(journal, 1, 0)
    assert exceeded(budget, spent([])) == (reason, said)


async def test_what_a_resumed_run_finds_counts(journal, tmp_path):
    await turn(journal, 0, 0)
    journal.close()
    with Journal(tmp_path) as again:
        assert Ledger(again, Allowance(dollars=0.3)).exceeded() is not None


async def test_a_price_that_is_not_known_is_none(journal):
    ledger = Ledger(journal, Allowance(dollars=0.01))
    await turn(journal, 0, 0, Reply(usage=Usage(input=5), cost=None))
    assert ledger.exceeded() is None
    assert ledger.spent.tokens == 5


async def test_called_off_once_is_called_off_for_good(journal, tmp_path):
    ledger = Ledger(journal, Allowance())
    assert not ledger.called_off
    await ledger.call_off("the lead is safe")
    assert ledger.exceeded() == (ExitReason.CANCELLED, "the lead is safe")
    journal.close()
    with Journal(tmp_path) as again:
        assert Ledger(again, Allowance()).called_off


async def test_a_sending_that_is_told_when_it_fails_is_charged_once(journal):
    ledger = Ledger(journal, Allowance())
    tape = JournalTape(journal, 0)
    await tape.keep_attempt(0, LOST, "key")
    ledger.exceeded()
    assert ledger.spent.dollars == pytest.approx(0.1)
    await tape.keep_reply(0, REPLY, "key")
    await tape.keep_attempt(1, LOST, "key")
    await tape.keep_failure(1, [LOST, LOST], "dead", "key")
    ledger.exceeded()
    assert ledger.spent.dollars == pytest.approx(0.35 + 0.2)
