"""Our own clients against one replica of the real vLLM; its weights are random, so it obeys nobody."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from agent.conformance import Subject, run_checks
from agent.messages import Message, Sampling, ToolSpec
from agent.models.calling import open_model
from agent.models.closing import closing
from agent.models.counting import Counter
from agent.models.errors import ContextOverflowError
from agent.models.registry import load_model
from agent.models.retries import Patience

pytestmark = pytest.mark.vllm

HELLO = (Message(role="user", content="Say which file holds the defect."),)
CODE = "def area(width, height):\n    return width * height  # naïve 🐒\n" * 30
MUST_PASS = {
    "plain-reply", "system-message", "unicode", "tool-results", "stop", "seed", "samples", "priority",
    "logprobs", "labels", "long-input", "overflow", "usage", "identity", "frozen", "cancellation", "timeout",
    "many-at-once", "wrong-name", "unreachable",
}  # fmt: skip
"""What is checked even where the weights are random."""
NOT_COMPATIBLE = {"priority", "labels"}
"""A server of any kind tells the likeliest tokens alone, and random weights think none of them likely."""


@pytest.fixture(params=["vllm", "compatible"])
def name(request, endpoint):
    """The name of a client of the server."""
    return f"{request.param}/{endpoint.model}@{endpoint.url}"


@pytest.fixture
async def model(endpoint):
    """The client made for vLLM, as it knows the server once it has asked."""
    async with closing(load_model(f"vllm/{endpoint.model}@{endpoint.url}")) as opened:
        await opened.probe()
        yield opened


async def findings(subject, name):
    wrong = {
        "wrong_name": lambda: load_model(name.replace("@", "-no-such-model@", 1)),
        "unreachable": lambda: load_model(f"{name.partition('@')[0]}@http://127.0.0.1:9/v1"),
    }
    tested = replace(subject, obeys=False, faulty=wrong)
    return {found.check: found async for found in run_checks(tested)}


async def test_a_client_keeps_what_a_backend_promises(name):
    async with closing(load_model(name)) as opened:
        found = await findings(Subject(opened), name)
    assert [one for one in found.values() if one.outcome == "failed"] == []
    passed = {check for check, one in found.items() if one.outcome == "passed"}
    if name.startswith("compatible/"):
        assert passed >= MUST_PASS - NOT_COMPATIBLE
    else:
        assert passed >= MUST_PASS | {"prompt-logprobs"}


async def test_so_does_a_client_with_all_that_stands_around_a_call(name):
    async with closing(open_model(name, Patience(attempts=1))) as opened:
        found = await findings(Subject(opened), name)
    assert [one for one in found.values() if one.outcome == "failed"] == []
    assert {check for check, one in found.items() if one.outcome == "passed"} >= MUST_PASS - NOT_COMPATIBLE


def test_the_command_checks_it_too(endpoint):
    name = f"vllm/{endpoint.model}@{endpoint.url}"
    command = [sys.executable, "-m", "mangabey", "models", "check", name, "--untrained", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ)
    assert done.returncode == 0, done.stdout + done.stderr
    checks = json.loads(done.stdout)["checks"]
    assert "failed" not in {one["outcome"] for one in checks}


async def test_what_the_server_can_do_is_found_out(model):
    can = model.capabilities
    assert can.context_length == 4096
    assert can.priority
    assert can.n
    assert can.prefix_cache


async def test_each_label_is_told_however_unlikely(model):
    reply = await model.generate(HELLO, (), Sampling(labels=("YES", "NO", " right"), max_tokens=1))
    assert set(reply.labels) == {"YES", "NO", " right"}
    assert all(-15 < value < -1 for value in reply.labels.values())


async def test_prompt_log_probabilities(model):
    reply = await model.generate(HELLO, (), Sampling(prompt_logprobs=1, max_tokens=2))
    assert len(reply.prompt_logprobs) == reply.usage.input
    assert reply.prompt_logprobs[0] == {}
    assert all(-20 < score < 0 for position in reply.prompt_logprobs[1:] for score in position.values())


async def test_several_samples_are_one_request(model):
    await model.generate((Message(role="user", content=CODE),), (), Sampling(max_tokens=1))
    before = await model.metrics()
    reply = await model.generate(
        (Message(role="user", content=CODE),), (), Sampling(n=3, temperature=1.0, seed=5, max_tokens=8)
    )
    texts = [one.text for one in (reply, *reply.others)]
    assert len(set(texts)) == 3
    assert reply.usage.output <= 24
    assert (await model.metrics()).since(before).output_tokens == reply.usage.output


async def test_prompts_with_seeds_may_fill_more_than_one_batch(model):
    talks = [(Message(role="user", content=f"{number} {CODE}"),) for number in range(12)]
    drawn = [
        model.generate(talk, (), Sampling(temperature=1.0, seed=3, sample=number, max_tokens=2))
        for number, talk in enumerate(talks)
    ]
    replies = await asyncio.gather(*drawn)
    assert sum(reply.usage.input for reply in replies) > 2 * 4096
    assert all(reply.usage.output for reply in replies)


async def test_a_schema_guides_the_reply(model):
    reply = await model.generate(
        HELLO, (), Sampling(response_schema={"enum": ["right", "wrong"]}, max_tokens=40)
    )
    assert json.loads(reply.text) in ("right", "wrong")


async def test_tools_are_told_to_the_model(model):
    view = ToolSpec(name="view", description="Show a file.", parameters={"type": "object", "properties": {}})
    plain = await model.generate(HELLO, (), Sampling(max_tokens=2))
    told = await model.generate(HELLO, (view,), Sampling(max_tokens=2))
    assert told.usage.input > plain.usage.input + 20


async def test_a_reply_is_streamed(model):
    reply = await model.generate(HELLO, (), Sampling(max_tokens=200, temperature=1.0, seed=3))
    assert reply.first_token is not None
    assert reply.first_token < reply.seconds
    assert reply.finish_reason in ("stop", "length")


async def test_a_cancelled_call_ends_at_the_server(model):
    before = await model.metrics()
    call = asyncio.create_task(
        model.generate(HELLO, (), Sampling(max_tokens=4000, temperature=1.0, seed=1, stop=("\0",)))
    )
    await running(model, 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await running(model, 0)
    assert (await model.metrics()).since(before).output_tokens < 3000


async def running(model, count):
    async with asyncio.timeout(20):
        while (await model.metrics()).running != count:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_hits_of_the_prefix_cache_are_read_back(model):
    before = await model.metrics()
    for question in ("What is it?", "Which argument?"):
        talk = (Message(role="system", content=CODE * 2), Message(role="user", content=question))
        reply = await model.generate(talk, (), Sampling(max_tokens=2, session="issue-1"))
    assert reply.usage.cached_input > 0.8 * reply.usage.input
    since = (await model.metrics()).since(before)
    assert since.prefix_hits >= reply.usage.cached_input
    assert 0.3 < (since.prefix_share or 0) <= 1


async def test_tokens_are_counted_as_the_server_counts_them(model, endpoint):
    for text in ("hello", CODE, "naïve 🐒 漢字"):
        body = {"prompt": text, "max_tokens": 1, "add_special_tokens": False}
        usage = endpoint.post("/v1/completions", body)["usage"]
        assert await model.count_tokens(text) == usage["prompt_tokens"]


async def test_a_conversations_tokens_lie_within_the_bounds(model):
    talk = (Message(role="system", content=CODE), *HELLO)
    reply = await model.generate(talk, (), Sampling(max_tokens=1))
    counted = await Counter(model).count(talk, ())
    assert counted.least <= reply.usage.input <= counted.most
    assert counted.most - counted.least <= 32


async def test_a_caller_fits_the_reply_into_the_window(endpoint):
    talk = (Message(role="user", content=CODE * 2),)
    async with closing(open_model(f"vllm/{endpoint.model}@{endpoint.url}", Patience(attempts=1))) as caller:
        reply = await caller.generate(talk, (), Sampling(max_tokens=8192, temperature=1.0, seed=2))
        assert reply.usage.input + reply.usage.output <= 4096
        before = endpoint.metric("request_success_total")
        with pytest.raises(ContextOverflowError, match="tokens or more"):
            await caller.generate((Message(role="user", content=CODE * 20),), (), Sampling())
    assert endpoint.metric("request_success_total") == before
