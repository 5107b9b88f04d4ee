"""What an author did, as a verifier reads it: actions and what came of them, never its own praise.

R2E-Gym (Jain et al. 2025, section 4) finds that verifiers which read an agent's thoughts score its style. So
thoughts, plans, reasoning and closing words are left out, as are comments that a shell command talks in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from agent.excerpts import cut_middle
from agent.messages import ToolCall
from agent.trajectory import Trajectory

ACTION, OBSERVATION = 1_500, 1_200
"""Characters of one action and of one observation that are kept, from both ends."""
TALKING = frozenset({"submit", "done", "give_up", "no_test", "think", "finish"})
"""Actions whose arguments are words to a reader."""
_SYSTEMS = re.compile(r"(?:mini[-_ ]?)?swe[-_ ]?agent|mangabey", re.IGNORECASE)
"""Names of agents; a folder or a mark of theirs tells whose work it is."""
_COMMENT = re.compile(r"^\s*#(?!!).*$\n?", re.MULTILINE)
_ECHO = re.compile(r"^\s*echo\s+(['\"]).*\1\s*$\n?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Step:
    """One action and what it returned."""

    action: str
    observation: str


def steps_of(trajectory: Trajectory) -> tuple[Step, ...]:
    """Return what a trajectory did, in order."""
    return tuple(_steps(trajectory))


def without_names(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Return steps without the names of agents: who made a candidate is no evidence."""
    return tuple(
        Step(_SYSTEMS.sub("agent", one.action), _SYSTEMS.sub("agent", one.observation)) for one in steps
    )


def digest(steps: Sequence[Step], exit_reason: str = "") -> str:
    """Return what an author did as one text, and how it ended where that is known; empty for no steps."""
    lines = [f"[{number}] {step.action}\n{step.observation}".rstrip() for number, step in enumerate(steps, 1)]
    end = [f"[end] {exit_reason.replace('_', ' ')}"] if exit_reason else []
    return "\n".join([*lines, *end]) if lines else ""


def _steps(trajectory: Trajectory) -> Iterator[Step]:
    for turn in trajectory.turns:
        seen = [one.text for one in turn.observations]
        for call, text in zip_longest(turn.actions, seen[: len(turn.actions)], fillvalue=""):
            if isinstance(call, ToolCall):
                yield _step(_action(call), text)
        if turn.foreign:
            program = turn.foreign.split(maxsplit=1)[0]
            quiet = program if program in TALKING else f"$ {_quiet('command', turn.foreign)}"
            yield _step(quiet, "".join(seen))


def _step(action: str, observation: str) -> Step:
    return Step(cut_middle(action, ACTION), cut_middle(observation, OBSERVATION))


def _action(call: ToolCall) -> str:
    """Return a call without what it says to its reader."""
    if call.name in TALKING:
        return call.name
    arguments = {name: _quiet(name, value) for name, value in call.arguments.items()}
    if set(arguments) == {"command"}:
        return f"$ {arguments['command']}"
    return f"{call.name} {json.dumps(arguments, ensure_ascii=False, default=str)}"


def _quiet(name: str, value: object) -> object:
    if name != "command" or not isinstance(value, str):
        return value
    return _ECHO.sub("", _COMMENT.sub("", value)).strip()
