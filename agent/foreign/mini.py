"""mini-swe-agent's files (`*.traj.json`): a list of messages; each command ran in a shell of its own."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Annotated, Any

from agent.foreign.actions import own_shell, read_object
from agent.foreign.wire import Call, Info, Text, Tokens, Wire, unless_null
from agent.messages import Reply, ToolCall, Usage
from agent.trajectory import ExitReason, Observation, Trajectory, Turn

_BLOCK = re.compile(r"^```(?:bash|mswea_bash_command|sh)[ \t]*\n(.*?)\n```", re.DOTALL | re.MULTILINE)
_EXITS = {
    "Submitted": ExitReason.SUBMITTED,
    "LimitsExceeded": ExitReason.STEP_LIMIT,
    "TimeExceeded": ExitReason.TIME_LIMIT,
    "ContextWindowExceededError": ExitReason.CONTEXT_LIMIT,
    "RepeatedFormatError": ExitReason.FORMAT_ERRORS,
    "FormatError": ExitReason.FORMAT_ERRORS,
    "UserInterruption": ExitReason.CANCELLED,
    "KeyboardInterrupt": ExitReason.CANCELLED,
    "TimeoutExpired": ExitReason.SANDBOX_ERROR,
    "CalledProcessError": ExitReason.SANDBOX_ERROR,
    "": ExitReason.CANCELLED,
}
"""Any other status is the name of an error, nearly always the provider's."""


class _Item(Wire):
    """An item of a reply in the responses vocabulary."""

    type: Text = ""
    content: Text = ""
    call_id: Text = ""
    name: Text = ""
    arguments: Any = None


class _Response(Wire):
    """What the server sent."""

    model: Text = ""
    created: float | None = None
    usage: Annotated[Tokens, unless_null(Tokens())] = Tokens()
    choices: Annotated[tuple[Any, ...], unless_null(())] = ()


class _Extra(Wire):
    """What is kept beside a message; `timestamp` is in seconds since 1970."""

    response: Annotated[_Response, unless_null(_Response())] = _Response()
    cost: float | None = None
    timestamp: float | None = None
    returncode: int | None = None
    interrupt_type: Text = ""
    exit_status: Text = ""
    submission: Text = ""


class _Message(Wire):
    """One message; in the responses vocabulary one without a role."""

    role: Text = ""
    object: Text = ""
    type: Text = ""
    content: Text = ""
    reasoning_content: Text = ""
    tool_calls: Annotated[tuple[Call, ...], unless_null(())] = ()
    tool_call_id: Text = ""
    call_id: Text = ""
    output: Any = None
    model: Text = ""
    usage: Annotated[Tokens, unless_null(Tokens())] = Tokens()
    extra: Annotated[_Extra, unless_null(_Extra())] = _Extra()

    @property
    def replies(self) -> bool:
        """Whether a model wrote it; a reply that held no command is kept beside the complaint since 2."""
        return (
            self.role == "assistant"
            or self.object == "response"
            or self.extra.interrupt_type == "FormatError"
        )


class MiniFile(Wire):
    """A whole file."""

    messages: tuple[_Message, ...]
    info: Annotated[Info, unless_null(Info())] = Info()

    def trajectory(self) -> tuple[Trajectory, str]:
        """Return what the agent did, and what it was told at first."""
        turns = tuple(self._turns())
        usage = Usage()
        for turn in turns:
            usage = Usage(
                **{
                    name: getattr(usage, name) + getattr(turn.reply.usage, name)
                    for name in Usage.model_fields
                }
            )
        moments = [
            moment
            for one in self.messages
            for moment in (one.extra.timestamp, one.extra.response.created)
            if moment
        ]
        last = self.messages[-1].extra if self.messages else _Extra()
        opening = "\n".join(one.content for one in self.messages[:2] if not one.replies)
        return Trajectory(
            sample=0,
            model=_configured(self.info.config) or next((turn.reply.model for turn in turns), ""),
            exit_reason=self._exit(self.info.exit_status or last.exit_status),
            diff=self.info.submission or last.submission,
            turns=turns,
            usage=usage,
            cost=self.info.model_stats.instance_cost or None,
            seconds=max(moments) - min(moments) if moments else 0.0,
            message=turns[-1].reply.text if turns else "",
        ), opening

    def _exit(self, status: str) -> ExitReason:
        return _EXITS.get(status, ExitReason.MODEL_ERROR)

    def _turns(self) -> list[Turn]:
        places = [place for place, message in enumerate(self.messages) if message.replies]
        turns = []
        for number, (place, end) in enumerate(itertools.pairwise([*places, len(self.messages)])):
            message = self.messages[place]
            rejected = message.role not in ("assistant", "") and message.object != "response"
            reply = _reply(message, number, rejected)
            answers = self.messages[place if rejected else place + 1 : end]
            turns.append(Turn(reply=reply, observations=_observations(reply.tool_calls, answers)))
        return turns


def _reply(message: _Message, number: int, rejected: bool) -> Reply:
    calls: tuple[ToolCall, ...] = ()
    text, thought = message.content, message.reasoning_content
    if rejected:
        text = _said(message.extra.response.choices)
    elif message.object == "response":
        items = _items(message.output)
        text = "".join(item.content for item in items if item.type == "message")
        native = [(item.call_id, item.arguments) for item in items if item.type == "function_call"]
        calls = _native(native, number)
    elif message.tool_calls:
        calls = _native([(call.id, call.function.arguments) for call in message.tool_calls], number)
    elif len(blocks := _BLOCK.findall(text)) == 1:  # with more, the agent refuses the reply
        calls = (own_shell(blocks[0].strip(), f"turn{number}-0"),)
    response = message.extra.response
    usage = response.usage.counted() if response.usage != Tokens() else message.usage.counted()
    return Reply(
        text=text,
        reasoning=thought,
        tool_calls=calls,
        finish_reason="tool_calls" if calls else "stop",
        usage=usage,
        cost=message.extra.cost if message.extra.cost is not None else response.usage.cost,
        model=response.model or message.model,
    )


def _native(calls: Sequence[tuple[str, object]], number: int) -> tuple[ToolCall, ...]:
    found = []
    for place, (ident, raw) in enumerate(calls):
        command = (read_object(raw) or {}).get("command")
        if isinstance(command, str) and command:
            found.append(own_shell(command, ident or f"turn{number}-{place}"))
    return tuple(found)


def _items(output: object) -> list[_Item]:
    return [_Item.model_validate(item) for item in output] if isinstance(output, list) else []


def _said(choices: Sequence[Any]) -> str:
    """Return the text of a reply that the agent refused."""
    match choices:
        case [{"message": {"content": str(text)}}, *_]:
            return text
    return ""


def _observations(calls: Sequence[ToolCall], answers: Sequence[_Message]) -> tuple[Observation, ...]:
    texts = [
        one.content or (one.output if isinstance(one.output, str) else "")
        for one in answers
        if one.role in ("user", "tool", "exit") or one.type == "function_call_output"
    ]
    return tuple(Observation(call_id=call.id, text=text) for call, text in zip(calls, texts, strict=False))


def _configured(config: object) -> str:
    match config:
        case {"model": {"model_name": str(name)}}:
            return name
    return ""
