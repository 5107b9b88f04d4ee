"""How the loop talks to a model: with native tool calls, or with the text dialect where there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent import dialect, prompts
from agent.messages import Message, Reply, ToolSpec
from agent.models.base import Capabilities
from agent.salvage import remnant, salvage
from agent.trajectory import Observation

Dialect = Literal["native", "text"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A reply as the loop acts on it: its actions are `reply.tool_calls`.

    `problem` says what could not be read; it is empty when everything could.
    """

    reply: Reply
    problem: str = ""


class Speech(Protocol):
    """One way to talk with a model about the same tools."""

    @property
    def offered(self) -> tuple[ToolSpec, ...]:
        """What goes to the model as tools."""

    def system(self) -> str:
        """Return the system message."""

    def hear(self, reply: Reply, turn: int) -> Heard:
        """Read a reply."""

    def said(self, heard: Heard) -> Message:
        """Return a reply as it stands in the conversation."""

    def answer(self, heard: Heard, observations: Sequence[Observation], note: str) -> list[Message]:
        """Return the messages that follow a reply; `note` is the last thing the model reads."""


def fitting_dialect(capabilities: Capabilities) -> Dialect:
    """Return how to talk with a model that can do this."""
    return "native" if capabilities.can("tools") else "text"


def speech_in(kind: Dialect, tools: tuple[ToolSpec, ...], system: str, reminder: str) -> Speech:
    """Return the way to talk about these tools in a dialect.

    `system` is the system message, to which the text dialect adds how tools are called; `reminder` is said
    to a reply without a call.
    """
    made = NativeSpeech if kind == "native" else TextSpeech
    return made(tools, system, reminder)


class NativeSpeech:
    """Tool calls as the backend's own; those that the server's parser lost are taken from the text."""

    def __init__(self, tools: tuple[ToolSpec, ...], system: str, reminder: str) -> None:
        self.offered = tools
        self._system = system
        self._reminder = reminder

    def system(self) -> str:
        """See `Speech.system`."""
        return self._system

    def hear(self, reply: Reply, turn: int) -> Heard:
        """See `Speech.hear`."""
        if reply.tool_calls:
            return Heard(reply)
        names = {tool.name for tool in self.offered}
        if found := salvage(reply.text, names, prefix=f"turn{turn}"):
            return Heard(reply.model_copy(update={"text": found.prose, "tool_calls": found.calls}))
        if mark := remnant(reply.text):
            return Heard(reply, prompts.UNREADABLE_CALL.format(mark=mark, names=", ".join(sorted(names))))
        empty = not reply.text.strip()
        return Heard(reply, "The reply was empty." if empty else "The reply called no tool.")

    def said(self, heard: Heard) -> Message:
        """See `Speech.said`."""
        return heard.reply.as_message()

    def answer(self, heard: Heard, observations: Sequence[Observation], note: str) -> list[Message]:
        """See `Speech.answer`."""
        messages = [
            Message(role="tool", content=seen.text, tool_call_id=call.id)
            for call, seen in zip(heard.reply.tool_calls, observations, strict=True)
        ]
        if not messages:
            return [Message(role="user", content=_joined(_trouble(heard, self._reminder), note))]
        last = messages.pop()
        return [*messages, last.model_copy(update={"content": _joined(last.content, note)})]


class TextSpeech:
    """Tool calls as text in the reply; see `agent.dialect`."""

    offered: tuple[ToolSpec, ...] = ()

    def __init__(self, tools: tuple[ToolSpec, ...], system: str, reminder: str) -> None:
        self._tools = tools
        self._system = system
        self._reminder = reminder

    def system(self) -> str:
        """See `Speech.system`."""
        return f"{self._system}\n{dialect.render_tools(self._tools)}"

    def hear(self, reply: Reply, turn: int) -> Heard:
        """See `Speech.hear`."""
        parsed = dialect.parse(reply.text, prefix=f"turn{turn}")
        return Heard(reply.model_copy(update={"tool_calls": parsed.calls}), parsed.problem)

    def said(self, heard: Heard) -> Message:
        """See `Speech.said`."""
        return Message(role="assistant", content=heard.reply.text)

    def answer(self, heard: Heard, observations: Sequence[Observation], note: str) -> list[Message]:
        """See `Speech.answer`."""
        results = [
            dialect.render_result(call.name, seen.text)
            for call, seen in zip(heard.reply.tool_calls, observations, strict=True)
        ]
        trouble = [_trouble(heard, self._reminder)] if heard.problem else []
        return [Message(role="user", content=_joined(*results, *trouble, note))]


def _trouble(heard: Heard, reminder: str) -> str:
    cut = [prompts.CUT_OFF] if heard.reply.finish_reason == "length" else []
    rest = [reminder] if not heard.reply.tool_calls else [prompts.NOT_PERFORMED]
    return " ".join([heard.problem, *cut, *rest])


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
