"""An endpoint in which everything goes wrong that can; the batch ends, and its journals are sound."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

import pytest

from agent.models.stub import Stub, acts
from runs.batch.order import Order
from runs.batch.outcome import Status, read_outcomes
from runs.batch.plan import plan
from runs.batch.run import opened, run_batch
from runs.batch.steps import IssueEnded
from runs.journal_reading import verify
from runs.recipe import Allowance
from runs.recipe_files import read_recipe
from sandbox.home import default_home

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason='needs pip install "mangabey[openai]"')

GIVE_UP = acts.calls('{"reason": "that is all that was to be tried"}', name="give_up")
FAULTS = {
    "slow down": acts.refuses(429, "slow down", retry_after="0.3"),
    "failure": acts.refuses(500, "oops"),
    "overloaded": acts.refuses(503, "overloaded"),
    "hang": acts.goes_idle("some"),
    "dropped": acts.drops("some", "text"),
    "torn": acts.tears("some"),
    "no choices": acts.answers({"id": "x", "object": "chat.completion", "model": "m", "choices": []}),
}


def first(fault, times):
    """Play a fault so many times, and then the end of a trajectory; probes are left alone."""
    left = [times]

    async def act(exchange):
        is_call = "user" in exchange.asked.body
        left[0] -= is_call
        await (fault if is_call and left[0] >= 0 else GIVE_UP)(exchange)

    return act


@pytest.fixture
def surroundings(batches, monkeypatch):
    for key, value in batches.environment().items():
        monkeypatch.setenv(key, value)
    return batches


def order(batches, stub, **fields):
    recipe = read_recipe("best-of-n", {"model": f"vllm/x@{stub.address}", "samples": 2})
    changed = {
        "sandbox": "benchmarks.null_sandbox:NullHost",
        "call_seconds": 3.0,
        "attempts": 20,
        "grade": False,
    }
    fixed = {"tasks": batches.set.name, "instances": ("tiny-[12]",), "sandboxes": 4, "parallel": 2}
    return Order.model_validate(fixed | {"recipe": recipe.model_copy(update=changed)} | fields)


async def run(batches, one, steps):
    out = batches.folder / "out"
    found = await asyncio.to_thread(plan, one, out)
    commons = found.commons()
    with opened(out, one, accept_drift=False):
        report = await run_batch(found, out, default_home(), commons, steps.append)
    return report, commons


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_passes_and_what_it_cost_is_recorded(surroundings, fault):
    steps = []
    async with Stub() as stub:
        stub.play(first(FAULTS[fault], 3))
        report, commons = await run(surroundings, order(surroundings, stub), steps)
        assert sum("user" in asked.body for asked in stub.chats) == 3 + 4
    assert report["done"] == 2, report
    assert report["spent"]["steps"] == 4
    assert report["trajectories_lost_to_infrastructure"] == 0
    out = surroundings.folder / "out"
    for outcome in read_outcomes(out):
        found = verify(out / outcome.instance_id)
        assert (found.problems, found.finished) == ((), True)
    (pace,) = commons.paces.by_endpoint.values()
    assert (pace.running, pace.waiting) == (0, 0)
    assert commons.purse.total.steps == 4


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": -5, "completion_tokens": -5},
        {"prompt_tokens": 10**16, "completion_tokens": 10**16},
    ],
    ids=["missing", "negative", "absurd"],
)
async def test_wrong_usage_neither_ends_a_run_nor_costs_nothing(surroundings, usage):
    end = acts.calls('{"reason": "that is all that was to be tried"}', name="give_up", usage=usage)
    limit = Allowance(tokens=1_000_000)
    async with Stub() as stub:
        stub.play(end)
        report, commons = await run(surroundings, order(surroundings, stub, limit=limit), [])
    assert report["done"] == 2, report
    assert report["stopped"] is None
    spent = report["spent"]
    assert 4 * 100 < spent["input"] < 4 * 20_000
    assert 4 <= spent["output"] < 4 * 1000
    assert commons.purse.total.tokens == spent["input"] + spent["output"]
    out = surroundings.folder / "out"
    assert all(verify(out / one.instance_id).problems == () for one in read_outcomes(out))


async def test_an_endpoint_that_refuses_for_good_is_infrastructure(surroundings):
    steps = []
    async with Stub() as stub:
        stub.play(acts.refuses(401, "bad key"))
        report, _ = await run(surroundings, order(surroundings, stub), steps)
    assert report["counts"]["infrastructure"] == 2
    assert report["failures"] == {"model": 2}
    ended = [step.outcome for step in steps if isinstance(step, IssueEnded)]
    assert len(ended) == 4  # each once more
    assert all(one.status is Status.INFRASTRUCTURE for one in ended)


async def test_issues_that_queue_for_a_sandbox_are_not_stuck(surroundings):
    """Eight trajectories of 2 s each in one sandbox: the last waits three times as long as may be quiet."""
    steps = []
    queueing = {"instances": ("tiny-*",), "sandboxes": 1, "parallel": 4, "quiet_seconds": 5.0}

    async def slowly(exchange):
        await asyncio.sleep(2 if "user" in exchange.asked.body else 0)
        await GIVE_UP(exchange)

    async with Stub() as stub:
        stub.play(slowly)
        report, _ = await run(surroundings, order(surroundings, stub, **queueing), steps)
    assert report["done"] == 4, report
    assert [step for step in steps if isinstance(step, IssueEnded) and step.outcome.tried > 0] == []
    told = [str(step) for step in steps]
    assert any("stage sample, behind others" in line and "wait for a sandbox" in line for line in told)


async def test_never_more_calls_at_one_time_than_allowed(surroundings):
    async with Stub() as stub:
        stub.play(acts.calls('{"reason": "no"}', name="give_up", pieces=3))
        await run(surroundings, order(surroundings, stub, calls=1), [])
        assert stub.most == 1
