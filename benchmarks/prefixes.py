"""How much of their prompts trajectories of one issue share, from the start on."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.assignment import Assignment, EarlierAttempt
from agent.budget import Budget
from agent.condense import BYTES
from agent.kinds import KINDS
from agent.messages import Message, Reply, Sampling, ToolCall, ToolSpec
from agent.models.base import Capabilities
from agent.tape import MemoryTape
from agent.trajectory import ExitReason
from envs.task import PublicTask
from sandbox.base import Sandbox
from sandbox.forks import forked

RECORDED = Path("tests/agent/kinds/driven/tool_agent_click.jsonl")
"""A real issue with its context."""
TURNS = 60
LOUD = "seq 1200"
"""Prints about 5 kB."""
WINDOW = 64_000
PATCH = "diff --git a/x.py b/x.py\nnew file mode 100644\n--- /dev/null\n+++ b/x.py\n@@ -0,0 +1 @@\n+x = 1\n"


@dataclass(frozen=True, slots=True)
class Prefixes:
    """Of one kind: tokens of its first prompt, and shares of it that other samples and other kinds have too.

    `before` is, over a conversation of many turns in a small window, the share of all prompt tokens that
    stood at the start of the request before.
    """

    kind: str
    tokens: int
    samples: float
    kinds: float
    before: float

    def as_json(self) -> dict[str, Any]:
        """Return the figures for a file."""
        return asdict(self)


class Recorder:
    """Calls the same loud command again and again, with a number in it, and keeps what it was asked."""

    name = "recorder"
    capabilities = Capabilities(tools=True, context_length=WINDOW)

    def __init__(self, turns: int) -> None:
        self._turns = turns
        self.requests: list[str] = []

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Return the next reply."""
        self.requests.append(json.dumps([[m.role, m.content, m.tool_call_id] for m in messages])[:-1])
        turn = len(self.requests)
        if turn >= self._turns:
            return Reply(tool_calls=(ToolCall(id=f"c{turn}", name="give_up", arguments={"reason": "over"}),))
        given = {"command": f"{LOUD}; echo {turn}"}
        return Reply(tool_calls=(ToolCall(id=f"c{turn}", name="bash", arguments=given),))


async def prefixes(base: Sandbox) -> list[Prefixes]:
    """Return the figures of each kind."""
    firsts = {kind: [await _talk(base, kind, sample, 1) for sample in (0, 1)] for kind in KINDS}
    found = []
    for kind, (one, other) in firsts.items():
        first = one[0]
        others = [_common(first, talk[0][0]) for name, talk in firsts.items() if name != kind]
        found.append(
            Prefixes(
                kind,
                len(first.encode()) // BYTES,
                _common(first, other[0]) / len(first),
                min(others) / len(first),
                _before(await _talk(base, kind, 0, TURNS)),
            )
        )
    return found


async def _talk(base: Sandbox, kind: str, sample: int, turns: int) -> list[str]:
    data = _recorded()
    model = Recorder(turns)
    async with forked(base) as sandbox:
        await KINDS[kind](
            Assignment(
                PublicTask(**{**data["task"], "workdir": sandbox.workdir}),
                sandbox,
                model,
                MemoryTape(),
                context=data["context"]["text"],
                budget=Budget(steps=turns, seconds=600),
                sampling=Sampling(sample=sample),
                earlier=(EarlierAttempt(0, ExitReason.SUBMITTED, PATCH),) if kind == "refiner" else (),
            )
        )
    return model.requests


def _recorded() -> dict[str, Any]:
    events = [json.loads(line) for line in RECORDED.read_text().splitlines()]
    return {event["kind"]: event["data"] for event in events}


def _before(requests: list[str]) -> float:
    shared = sum(_common(one, after) for one, after in itertools.pairwise(requests))
    return shared / sum(map(len, requests[1:]))


def _common(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low
