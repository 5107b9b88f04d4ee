"""What of a conversation is sent: the oldest observations give way before the window overflows.

Each request is built anew from the whole conversation, so a resumed run sends the same bytes. What is
condensed is decided as if at each earlier request: once the conversation fills a share of the room,
the oldest turns are condensed until it fills a much smaller one, and nothing more until it is full again. So
the beginning that a server has cached changes once in many turns.

The system message, the first user message and the latest turns stay as they are. After R2E-Gym's editing
agent (section 3.1 of its paper), which condenses at a fixed number of tokens.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from agent.excerpts import cut_middle, first_line
from agent.messages import Message, ToolCall, ToolSpec

FULL = 0.8
"""Share of the room at which observations are condensed."""
KEPT = 0.4
"""Share of the room to which they are."""
LATEST = 3
"""Turns that stay whole; one behind an overflow that the server reported."""
SHORT = 400
"""Characters of an observation that stays."""
REPLY = 4_000
"""Characters that stay of a reply's text, and of each argument of its calls."""
BYTES = 3
"""Bytes of a token: code has more, base64 and rare scripts less."""
AROUND = 8
"""Tokens around a message, and around each argument of a call."""

_RESULT = re.compile(r"^<result of=([\w.-]+)>$", re.MULTILINE)


@dataclass(slots=True)
class Window:
    """How many tokens a prompt of one conversation may have, by estimate; `latest` turns stay whole."""

    room: float
    latest: int = LATEST
    _condensed: list[list[Message]] = field(default_factory=list)
    """The oldest turns, condensed; a conversation only grows."""

    @classmethod
    def of(cls, length: int, reply: int, tools: Sequence[ToolSpec]) -> Window:
        """Return the window of a model.

        Args:
            length: tokens of prompt and reply together.
            reply: tokens a reply may have; no more than a quarter of the window is kept for it.
            tools: what is offered with each request.
        """
        described = sum(_tokens(json.dumps(tool.model_dump())) for tool in tools)
        return cls(max(1.0, length - min(reply, length // 4) - described))

    def fit(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Return a conversation as it is sent."""
        if sum(map(_most, messages)) <= FULL * self.room:
            return tuple(messages)
        turns = _turns(messages)
        head = messages[: len(messages) - sum(map(len, turns))]
        total = float(sum(map(_size, head)))
        cut = 0
        for count, turn in enumerate(turns, 1):
            total += sum(map(_size, turn))
            if total > FULL * self.room:
                while cut < count - self.latest and total > KEPT * self.room:
                    total -= _gain(turns[cut])
                    cut += 1
        for turn in turns[len(self._condensed) : cut]:
            self._condensed.append(_condensed(turn))
        sent = (*self._condensed[:cut], *turns[cut:])
        return (*head, *(one for turn in sent for one in turn))

    def shrink(self, messages: Sequence[Message]) -> bool:
        """Take the room for half of what was sent and did not fit; whether less is sent from now on."""
        before = sum(map(_size, self.fit(messages)))
        self.room, self.latest = min(self.room, before / FULL) / 2, 1
        return sum(map(_size, self.fit(messages))) < before


def size_of(messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> int:
    """Return the tokens of a prompt by estimate, rather too many than too few."""
    described = sum(_tokens(json.dumps(tool.model_dump())) for tool in tools)
    return described + sum(map(_size, messages))


def _turns(messages: Sequence[Message]) -> list[Sequence[Message]]:
    """Return the conversation behind its opening as replies with what they returned."""
    starts = [place for place, message in enumerate(messages) if message.role == "assistant"]
    return [messages[start:end] for start, end in itertools.pairwise([*starts, len(messages)])]


def _condensed(turn: Sequence[Message]) -> list[Message]:
    reply, *answers = turn
    names = {call.id: call.name for call in reply.tool_calls}
    return [_shortened(reply), *(_stub(answer, names) for answer in answers)]


def _stub(answer: Message, names: dict[str, str]) -> Message:
    """Return an observation as one line that says what it was; the answer to a call stays its answer."""
    if len(answer.content) <= SHORT:
        return answer
    if answer.role == "tool":
        what, text = f"output of {names.get(answer.tool_call_id or '', 'a tool')}", answer.content
    else:
        found = list(dict.fromkeys(_RESULT.findall(answer.content)))[:4]
        what = f"output of {', '.join(found)}" if found else "message"
        text = answer.content.partition(">\n")[2] if found else answer.content
    line = f"[{what} condensed: {len(answer.content):,} characters; first line: {first_line(text)}]"
    return answer.model_copy(update={"content": line})


def _shortened(reply: Message) -> Message:
    """Return a reply without the middle of what it wrote at great length."""
    calls = tuple(_shortened_call(call) for call in reply.tool_calls)
    return reply.model_copy(update={"content": cut_middle(reply.content, REPLY), "tool_calls": calls})


def _shortened_call(call: ToolCall) -> ToolCall:
    given = {
        name: cut_middle(value, REPLY) if isinstance(value, str) else value
        for name, value in call.arguments.items()
    }
    return call.model_copy(update={"arguments": given})


def _gain(turn: Sequence[Message]) -> int:
    return sum(map(_size, turn)) - sum(map(_size, _condensed(turn)))


def _size(message: Message) -> int:
    return AROUND + sum(AROUND + _tokens(text) for text in _texts(message))


def _most(message: Message) -> float:
    """Return what a message's size is at most, at little cost."""
    return AROUND + sum(AROUND + 4 * len(text) / BYTES + 1 for text in _texts(message))


def _texts(message: Message) -> list[str]:
    given = (str(value) for call in message.tool_calls for value in call.arguments.values())
    return [message.content, *given]


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES)
