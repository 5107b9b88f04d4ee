"""What trajectories of one issue have in common at the start, byte by byte."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from agent.assignment import EarlierAttempt
from agent.kinds import KINDS
from agent.messages import Message, Sampling
from agent.models.scripted import ScriptedModel
from agent.trajectory import ExitReason
from envs.task import PublicTask
from sandbox.base import Sandbox
from tests.agent.kinds.playing import calls, play

EARLIER = EarlierAttempt(sample=0, exit_reason=ExitReason.SUBMITTED, patch="")


def flat(messages: Sequence[Message]) -> str:
    return "".join(f"\0{message.role}\0{message.content}" for message in messages)


def common(one: str, other: str) -> str:
    pairs = zip(one, other, strict=False)
    return "".join(same for same, also in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


async def opening(
    task: PublicTask, sandbox: Sandbox, kind: str = "tool-agent", sample: int = 0, *, native: bool = True
) -> str:
    model = ScriptedModel([calls(("give_up", {"reason": "enough"}))], native_tools=native)
    earlier = (EARLIER,) if kind == "refiner" else ()
    drawn = Sampling(sample=sample, temperature=0.8 if sample else 0.0)
    await play(task, sandbox, model, kind=KINDS[kind], sampling=drawn, earlier=earlier)
    return flat(model.requests[0])


@pytest.mark.parametrize("kind", ["tool-agent", "tester", "refiner", "test-and-edit"])
async def test_two_samples_begin_the_same(task: PublicTask, sandbox: Sandbox, kind: str) -> None:
    assert await opening(task, sandbox, kind) == await opening(task, sandbox, kind, sample=7)


@pytest.mark.parametrize("native", [True, False])
async def test_kinds_share_all_but_their_work(task: PublicTask, sandbox: Sandbox, native: bool) -> None:
    agent, tester, refiner = [
        await opening(task, sandbox, kind, native=native) for kind in ("tool-agent", "tester", "refiner")
    ]
    shared = common(common(agent, tester), refiner)
    assert shared.endswith("</context>\n\nYour task: ")
    assert task.problem_statement in shared
    assert common(agent, refiner).endswith("and `submit`.\n\n")


@pytest.mark.parametrize("native", [True, False])
async def test_the_machine_begins_with_words_of_its_own(
    task: PublicTask, sandbox: Sandbox, native: bool
) -> None:
    """Its two phases have other tools and rules, so that nothing before issue and context is shared."""
    agent = await opening(task, sandbox, native=native)
    machine = await opening(task, sandbox, "test-and-edit", native=native)
    assert common(agent, machine) == "\0system\0You "
    assert machine.index(task.problem_statement) > len("\0system\0You ")


async def test_a_turn_only_adds_to_the_one_before(task: PublicTask, sandbox: Sandbox) -> None:
    model = ScriptedModel([calls(("bash", {"command": "ls"}))] * 4 + [calls(("submit", {}))])
    await play(task, sandbox, model)
    assert len(model.requests) == 5
    for earlier, later in zip(model.requests, model.requests[1:], strict=False):
        assert later[: len(earlier)] == earlier
