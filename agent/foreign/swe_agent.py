"""SWE-agent's files (`*.traj`): steps of thought, action and observation, beside the history."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

from agent.foreign.actions import line, read_object, structured
from agent.foreign.wire import Call, Info, Text, Wire, unless_null
from agent.messages import Reply, ToolCall, Usage
from agent.trajectory import ExitReason, Observation, Trajectory, Turn

_EXITS = {
    "submitted": ExitReason.SUBMITTED,
    "exit_cost": ExitReason.COST_LIMIT,
    "exit_total_cost": ExitReason.COST_LIMIT,
    "exit_context": ExitReason.CONTEXT_LIMIT,
    "exit_format": ExitReason.FORMAT_ERRORS,
    "exit_forfeit": ExitReason.GAVE_UP,
    "exit_command_timeout": ExitReason.TIME_LIMIT,
    "exit_total_execution_time": ExitReason.TIME_LIMIT,
    "exit_environment_error": ExitReason.SANDBOX_ERROR,
    "exit_error": ExitReason.SANDBOX_ERROR,
    "exit_api": ExitReason.MODEL_ERROR,
}


class _Step(Wire):
    """One action; `execution_time` is in seconds."""

    action: Text = ""
    observation: Text = ""
    response: Text = ""
    thought: Text = ""
    execution_time: Annotated[float, unless_null(0.0)] = 0.0


class _Entry(Wire):
    """A message of the history; since 1.0 it has the native calls, and demonstrations among it."""

    role: Text = ""
    content: Text = ""
    action: Text = ""
    is_demo: Annotated[bool, unless_null(False)] = False
    tool_calls: Annotated[tuple[Call, ...], unless_null(())] = ()


class SweAgentFile(Wire):
    """A whole file."""

    trajectory: tuple[_Step, ...]
    history: Annotated[tuple[_Entry, ...], unless_null(())] = ()
    info: Annotated[Info, unless_null(Info())] = Info()
    replay_config: Any = None

    def imported(self) -> tuple[Trajectory, str]:
        """Return what the agent did, and what it was told at first."""
        native = self._native()
        turns = tuple(_turn(step, number, native.get(number)) for number, step in enumerate(self.trajectory))
        stats = self.info.model_stats
        opening = "\n".join(one.content for one in self.history if one.role == "user" and not one.is_demo)
        return Trajectory(
            sample=0,
            model=_configured(self.replay_config),
            exit_reason=_exit(self.info.exit_status),
            diff=self.info.submission,
            turns=turns,
            usage=Usage(input=stats.tokens_sent, output=stats.tokens_received),
            cost=stats.instance_cost or None,
            seconds=sum(step.execution_time for step in self.trajectory),
            message=turns[-1].reply.text if turns else "",
        ), opening

    def _native(self) -> dict[int, Call]:
        """Return the steps' native calls: the history has them in the same order, and more than them."""
        said: Iterator[_Entry] = iter(
            [one for one in self.history if one.role == "assistant" and not one.is_demo]
        )
        found: dict[int, Call] = {}
        for number, step in enumerate(self.trajectory):
            ahead = list(said)
            for place, entry in enumerate(ahead):
                if entry.action == step.action:
                    if len(entry.tool_calls) == 1:
                        found[number] = entry.tool_calls[0]
                    ahead = ahead[place + 1 :]
                    break
            said = iter(ahead)
        return found


def _turn(step: _Step, number: int, native: Call | None) -> Turn:
    ident = (native.id if native else "") or f"turn{number}-0"
    call: ToolCall | None = None
    if native is not None and (arguments := read_object(native.function.arguments)) is not None:
        call = structured(native.function.name, arguments, ident)
    else:
        call = line(step.action, ident)
    calls = (call,) if call else ()
    foreign = "" if call else step.action.strip()
    reply = Reply(
        text=step.response or step.thought,
        tool_calls=calls,
        finish_reason="tool_calls" if calls else "stop",
    )
    done = [call.id] if call else [ident] * bool(foreign)
    seen = tuple(
        Observation(call_id=one, text=step.observation, seconds=max(0.0, step.execution_time)) for one in done
    )
    return Turn(reply=reply, observations=seen, foreign=foreign)


def _exit(status: str) -> ExitReason:
    """Return our reason; `submitted (exit_cost)` is a patch that was taken when the money was spent."""
    inner = status.partition("(")[2].rstrip(") ") or status.strip()
    if not inner or inner in ("early_exit", "skipped"):
        return ExitReason.CANCELLED
    return _EXITS.get(inner, ExitReason.MODEL_ERROR)


def _configured(config: object) -> str:
    """Return the model's name out of the configuration, which 1.0 writes as JSON in a text."""
    if isinstance(config, str):
        try:
            config = json.loads(config)
        except ValueError:
            return ""
    match config:
        case {"agent": {"model": {"name": str(name)}}}:
            return name
    return ""
