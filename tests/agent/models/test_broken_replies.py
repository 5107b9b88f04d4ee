"""A reply that breaks off is told at once and charged, by what the server said or by an estimate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.util import find_spec

import pytest

from agent.messages import Attempt, Message, Reply, Sampling, Usage
from agent.models.attempts import heard_by
from agent.models.base import Capabilities, Model
from agent.models.caller import Caller
from agent.models.chat import Deadlines
from agent.models.closing import closing
from agent.models.compatible import CompatibleModel
from agent.models.errors import ConnectionLostError, ModelError
from agent.models.retries import Patience
from agent.models.stub import Act, Stub, acts
from agent.models.vllm import VllmModel

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason='needs pip install "mangabey[openai]"')

LONG = (Message(role="user", content="word " * 400),)
TOLD = {"prompt_tokens": 401, "completion_tokens": 2}
COUNTED = acts.part({"content": "b"}) | {"usage": TOLD}


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async with Stub() as stub:
        yield stub


@pytest.fixture(params=["compatible", "litellm"])
async def model(
    request: pytest.FixtureRequest, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Model]:
    if request.param == "litellm":
        if find_spec("litellm") is None:
            pytest.skip('needs pip install "mangabey[litellm]"')
        from agent.models.litellm import LiteLLMModel

        monkeypatch.setenv("OPENAI_API_BASE", stub.address)
        monkeypatch.setenv("OPENAI_API_KEY", "planted-key-1234")
        yield LiteLLMModel("openai/gpt-4o", Deadlines(idle=0.2))
        return
    given = CompatibleModel(f"x@{stub.address}", declared=Capabilities(), deadlines=Deadlines(idle=0.2))
    async with closing(given) as opened:
        yield opened


async def ask(model: Model, patience: Patience | None = None) -> tuple[Reply | None, list[Attempt]]:
    """Return the reply and what was heard of sendings that failed."""
    heard: list[Attempt] = []

    async def hear(attempt: Attempt) -> None:
        heard.append(attempt)

    with heard_by(hear):
        caller = Caller(model, patience or Patience(first_delay=0.01))
        try:
            return await caller.generate(LONG, (), Sampling()), heard
        except (ModelError, asyncio.CancelledError):
            return None, heard


@pytest.mark.parametrize(
    "act", [acts.drops("a", "b", "c"), acts.tears("a", "b", "c"), acts.goes_idle(*"abc")]
)
async def test_what_came_is_charged_and_said_to_be_an_estimate(stub: Stub, model: Model, act: Act) -> None:
    stub.play(act, acts.says("whole"))
    reply, heard = await ask(model)
    assert reply is not None
    assert reply.attempts == tuple(heard)
    (lost,) = heard
    assert lost.usage.estimated
    assert lost.usage.output == 3
    assert 400 < lost.usage.input < 800
    assert (lost.cost is not None and lost.cost > 0) == model.name.startswith("litellm")
    assert not reply.usage.estimated


@pytest.mark.parametrize("act", [acts.refuses(503, "no"), acts.drops(), acts.hangs_before_headers()])
async def test_where_nothing_came_nothing_is_charged(stub: Stub, model: Model, act: Act) -> None:
    stub.play(act, acts.says("whole"))
    _, heard = await ask(model, Patience(first_delay=0.01, call_seconds=2))
    assert [one.usage for one in heard] == [Usage()]


async def test_a_call_that_is_cancelled_or_takes_too_long_is_charged_too(stub: Stub) -> None:
    async with closing(CompatibleModel(f"x@{stub.address}", declared=Capabilities())) as model:
        stub.play(acts.says("the SDK is imported"), acts.goes_idle("a", "b"), acts.says("whole"))
        await ask(model)
        _, heard = await ask(model, Patience(first_delay=0.01, call_seconds=0.5))
        assert [(one.error, one.usage.output) for one in heard] == [("DeadlineError", 2)]
        stub.play(acts.goes_idle("a", "b"))
        running = asyncio.create_task(ask(model))
        while len(stub.chats) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        running.cancel()
        _, heard = await running
    assert [(one.error, one.usage.output, one.usage.estimated) for one in heard] == [("Cancelled", 2, True)]


async def test_vllm_tells_the_usage_with_each_part(stub: Stub) -> None:
    async with closing(VllmModel(f"x@{stub.address}", declared=Capabilities())) as model:
        stub.play(acts.streams(acts.part({"content": "a"}), COUNTED, end=False))
        with pytest.raises(ConnectionLostError) as caught:
            await model.generate(LONG, (), Sampling())
    assert stub.chats[0].body["stream_options"]["continuous_usage_stats"] is True
    assert caught.value.usage == Usage(input=401, output=2)


async def test_each_failure_is_told_before_the_next_sending(stub: Stub) -> None:
    sent: list[int] = []

    async def hear(attempt: Attempt) -> None:
        sent.append(len(stub.chats))

    async with closing(CompatibleModel(f"x@{stub.address}", declared=Capabilities())) as model:
        stub.play(acts.refuses(503), acts.refuses(429), acts.says("whole"))
        with heard_by(hear):
            await Caller(model, Patience(first_delay=0.01)).generate(LONG, (), Sampling())
    assert sent == [1, 2]
