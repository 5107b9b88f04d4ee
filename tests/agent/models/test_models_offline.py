"""The engine without a server, where there is no vLLM; tests/vllm runs the real one."""

from __future__ import annotations

import pytest

from agent import Message, Sampling, load_model
from agent.models import ModelUnavailableError


async def test_without_vllm_it_says_how_to_go_on(tmp_path):
    model = load_model(f"vllm-offline/{tmp_path}?load_format=dummy")
    with pytest.raises(
        ModelUnavailableError, match=r"vllm is not installed.*mangabey\[vllm\].*mangabey serve"
    ):
        await model.generate((Message(role="user", content="hello"),), (), Sampling())


async def test_all_who_wait_hear_of_it(tmp_path):
    import asyncio

    model = load_model(f"vllm-offline/{tmp_path}")
    asked = [model.generate((Message(role="user", content="hello"),), (), Sampling()) for _ in range(3)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in told] == [ModelUnavailableError] * 3
