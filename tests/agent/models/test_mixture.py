"""Several models for one role."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities, Model
from agent.models.calling import open_model
from agent.models.errors import UnknownModelError
from agent.models.mixture import Blend, Mixture, read_blend


class Named:
    def __init__(self, name: str, **capabilities: object) -> None:
        self.name = name
        self.capabilities = Capabilities.model_validate(capabilities)

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        return Reply(text=self.name)


def after(turns: int) -> tuple[Message, ...]:
    return (Message(role="user", content="go"), *[Message(role="assistant", content="x")] * turns)


A, B = Named("a", tools=True, seed=True, context_length=9), Named("b", tools=True, context_length=5)


async def drawn(model: Model, sample: int, turns: int, seed: int = 0) -> list[str]:
    sampling = Sampling(sample=sample, seed=seed)
    return [(await model.generate(after(turn), (), sampling)).model for turn in range(turns)]


async def test_each_turn_is_drawn_by_weight_and_always_alike() -> None:
    mixed = Mixture("mixed", [(0.7, A), (0.3, B)])
    many = Counter([name for sample in range(20) for name in await drawn(mixed, sample, 50)])
    assert 0.65 < many["a"] / 1000 < 0.75
    assert await drawn(mixed, 3, 9) == await drawn(Mixture("mixed", [(0.7, A), (0.3, B)]), 3, 9)
    assert await drawn(mixed, 3, 30) != await drawn(mixed, 4, 30)
    assert await drawn(mixed, 3, 30) != await drawn(mixed, 3, 30, seed=1)


async def test_a_trajectory_may_be_drawn_whole() -> None:
    mixed = Mixture("mixed", [(1, A), (1, B)], each_turn=False)
    trajectories = [set(await drawn(mixed, sample, 9)) for sample in range(30)]
    assert all(len(names) == 1 for names in trajectories)
    assert {"a"} in trajectories
    assert {"b"} in trajectories


async def test_a_mixture_can_do_what_all_can() -> None:
    mixed = Mixture("mixed", [(1, A), (1, B)])
    assert await mixed.probe() == Capabilities(tools=True, context_length=5)


def test_reading() -> None:
    assert read_blend("0.7*vllm/A + 0.3*litellm/b") == Blend(((0.7, "vllm/A"), (0.3, "litellm/b")), True)
    assert read_blend("1*a+2*b+.5*c") == Blend(((1, "a"), (2, "b"), (0.5, "c")), True)
    assert read_blend("1*a/b+c | 1*x.py:K") == Blend(((1, "a/b+c"), (1, "x.py:K")), False)
    assert read_blend("litellm/x+y*z") is None


@pytest.mark.parametrize("text", ["0.5*", "1*a + 1*", "1*a + 1*b | 1*c", "0*a + 0*b"])
def test_what_is_no_mixture(text: str) -> None:
    with pytest.raises(UnknownModelError):
        read_blend(text)


names = st.from_regex(r"[a-z]{1,5}(/[a-zA-Z.:-]{1,8}){0,2}", fullmatch=True)


@given(st.lists(st.tuples(st.sampled_from([0.25, 1.0, 3.0]), names), min_size=2, max_size=4), st.booleans())
def test_a_written_mixture_is_read_back(members: list[tuple[float, str]], each_turn: bool) -> None:
    blend = Blend(tuple(members), each_turn)
    assert read_blend(str(blend)) == blend


def test_members_are_backends_by_name() -> None:
    model = open_model("0.5*builtin/repair + 0.5*builtin/repair")
    assert isinstance(model, Mixture)
    with pytest.raises(UnknownModelError, match="did you mean builtin/repair"):
        open_model("0.5*builtin/repair + 0.5*builtin/repiar")
