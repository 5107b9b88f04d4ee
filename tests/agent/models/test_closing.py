"""Connections are let go of when a model is done with, counted at the server."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

import pytest

from agent.messages import Message, Sampling
from agent.models.calling import open_model
from agent.models.closing import close, closing
from agent.models.stub import Stub, acts

pytestmark = pytest.mark.skipif(find_spec("openai") is None, reason='needs pip install "mangabey[openai]"')

HELLO = (Message(role="user", content="hello"),)
NAMES = ["compatible/x@{0}", "vllm/x@{0}", "1*vllm/x@{0} | 1*compatible/y@{0}"]


async def gone(stub: Stub) -> bool:
    """Whether the server has no connection left, a moment after the last was closed."""
    async with asyncio.timeout(5):
        while stub.connected:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return True


@pytest.mark.parametrize("name", NAMES)
async def test_no_connection_is_left(name: str) -> None:
    async with Stub() as stub:
        stub.play(acts.says("hi"))
        async with closing(open_model(name.format(stub.address))) as model:
            calls = (model.generate(HELLO, (), Sampling(seed=seed)) for seed in range(8))
            await asyncio.gather(*calls)
            assert stub.connected
        assert await gone(stub)


@pytest.mark.parametrize("name", NAMES)
async def test_no_connection_is_left_by_a_cancelled_block(name: str) -> None:
    async with Stub() as stub:
        stub.play(acts.says("hi"))

        async def block() -> None:
            async with closing(open_model(name.format(stub.address))) as model:
                await asyncio.gather(*(model.generate(HELLO, (), Sampling(seed=seed)) for seed in range(8)))
                stub.play(acts.goes_idle("so"))
                await model.generate(HELLO, (), Sampling())

        task = asyncio.create_task(block())
        await asyncio.wait_for(_idle(stub), 10)
        assert stub.connected
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await gone(stub)


async def _idle(stub: Stub) -> None:
    """Wait until eight requests were answered and the ninth hangs; those of probes are short."""
    while len([one for one in stub.chats if one.body["max_tokens"] > 1000]) < 9:  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_backend_that_fails_to_close_harms_nobody() -> None:
    class Stuck:
        async def close(self) -> None:
            raise OSError("no")

    await close(Stuck())
    await close(object())
