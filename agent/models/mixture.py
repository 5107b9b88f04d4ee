"""Several models for one role: one is drawn for each turn, or for each trajectory.

Written `0.7*vllm/A + 0.3*litellm/b` for a draw each turn, and with `|` in place of `+` for one draw a
trajectory. Weights count in proportion to each other.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities, Feature, Model, Probing
from agent.models.closing import close
from agent.models.errors import UnknownModelError

_MEMBER = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*\*\s*(.*?)\s*", re.DOTALL)
_JOINT = re.compile(r"\s*([+|])\s*(?=(?:\d+(?:\.\d+)?|\.\d+)\s*\*)")


@dataclass(frozen=True, slots=True)
class Blend:
    """A mixture as it is written: weights and names, and whether each turn draws anew."""

    members: tuple[tuple[float, str], ...]
    each_turn: bool

    def __str__(self) -> str:
        return (" + " if self.each_turn else " | ").join(
            f"{weight:g}*{name}" for weight, name in self.members
        )


def read_blend(text: str) -> Blend | None:
    """Return the mixture that a model's name is, None where it is the name of one model.

    Raises:
        UnknownModelError: it begins as a mixture and is none.
    """
    if not _MEMBER.match(text):
        return None
    parts = _JOINT.split(text)
    members, joints = [_MEMBER.fullmatch(part) for part in parts[::2]], set(parts[1::2])
    if not all(member and member[2] for member in members) or len(joints) > 1:
        raise UnknownModelError(
            f"{text!r} is no mixture; write WEIGHT*NAME + WEIGHT*NAME, or | in place of + for one draw a "
            "trajectory"
        )
    pairs = tuple((float(member[1]), member[2]) for member in members if member)
    if not sum(weight for weight, _ in pairs):
        raise UnknownModelError(f"the weights of {text!r} are all zero")
    return Blend(pairs, each_turn="|" not in joints)


class Mixture:
    """A model that draws one of several for each request, the same one for the same seed, sample and turn.

    It can do what all of them can, for they share a conversation; `Reply.model` says who answered.
    """

    def __init__(self, name: str, members: Sequence[tuple[float, Model]], *, each_turn: bool = True) -> None:
        self.name = name
        self.members = tuple(members)
        self._each_turn = each_turn

    @property
    def capabilities(self) -> Capabilities:
        """What all members can do, and the shortest of their contexts."""
        able = [model.capabilities for _, model in self.members]
        lengths = [one.context_length for one in able if one.context_length is not None]
        features = {name: all(getattr(one, name) for one in able) for name in get_args(Feature)}
        return Capabilities(**features, context_length=min(lengths, default=None))

    async def probe(self) -> Capabilities:
        """Return what all members can do, having asked each."""
        async with asyncio.TaskGroup() as group:
            for _, model in self.members:
                if isinstance(model, Probing):
                    group.create_task(model.probe())
        return self.capabilities

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Return the drawn member's answer; see `Model.generate`."""
        turn = sum(message.role == "assistant" for message in messages)
        model = self.drawn(sampling, turn)
        reply = await model.generate(messages, tools, sampling)
        return reply if reply.model else reply.model_copy(update={"model": model.name})

    async def close(self) -> None:
        """Let go of all members' connections."""
        for _, model in self.members:
            await close(model)

    def drawn(self, sampling: Sampling, turn: int) -> Model:
        """Return the member that answers a turn."""
        dice = random.Random(f"{sampling.seed}:{sampling.sample}:{turn if self._each_turn else 'all'}")
        weights = [weight for weight, _ in self.members]
        return dice.choices([model for _, model in self.members], weights)[0]
