"""A stretch of a trajectory with a conversation of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from agent.agreement import Divergence
from agent.arguments import Arguments
from agent.messages import ToolCall
from agent.trajectory import Observation


class Bench(Protocol):
    """Where the actions of a phase are performed.

    Attributes:
        written_tests: paths, relative to the repository, of the test files that were written, in order.
    """

    written_tests: list[str]

    async def perform(self, call: ToolCall, *, seconds: float) -> Observation:
        """Perform one call within the time that is left.

        Raises:
            SandboxGoneError: the sandbox is gone; every other failure is an observation.
        """

    async def perform_again(
        self, call: ToolCall, recorded: Observation, *, seconds: float
    ) -> Divergence | None:
        """Do to the room what a recorded call did to it, and return how that differs from its record.

        Raises:
            SandboxGoneError: the sandbox is gone.
        """


@dataclass(frozen=True, slots=True)
class Phase:
    """What a model is told at the start, what it may call, and who acts.

    Attributes:
        system: the system message; how tools are called in the text dialect is added.
        opening: the first user message; what is left of the budget is added.
        tools: the shapes of the tools, by name, in the order they are offered.
        bench: performs the calls.
        endings: the tools that end the phase when they succeed.
        reminder: said to a reply without a call.
        changes: tools after which the diff is kept, in case the sandbox dies later.
        may_change: tools that can change anything; the diff is kept after them as often as it costs little.
        single: only the first call of a reply is performed.
        turns: replies with a readable call that it may take; None for as many as the budget has.
        steps: replies of any sort that it may take; None for as many as the budget has.
    """

    system: str
    opening: str
    tools: Mapping[str, type[Arguments]]
    bench: Bench
    endings: frozenset[str]
    reminder: str
    changes: frozenset[str] = frozenset()
    may_change: frozenset[str] = frozenset()
    single: bool = False
    turns: int | None = None
    steps: int | None = None
