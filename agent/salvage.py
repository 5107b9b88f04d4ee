"""Tool calls that a server's parser left in the text of a reply.

The rule: calls count that begin a line and are all that follows to the reply's end. Between and behind them
only white space, closing tags, Markdown fences and end marks of chat templates may stand, so a call that is
quoted or told of in the midst of prose is no call. All must name a tool that was offered; where one does not,
nothing is salvaged. Bare JSON must have the shape of a call and no other keys.

Read are, as servers leave them, the forms

    <tool_call>{"name": ..., "arguments": {...}}</tool_call>            Hermes, Qwen
    <function=NAME><parameter=KEY>value</parameter></function>          Qwen coder, and our own dialect
    <function=NAME>{...}</function>                                     Llama
    [TOOL_CALLS][{"name": ..., "arguments": {...}}, ...]                Mistral
    [TOOL_CALLS]NAME[ARGS]{...}                                         Mistral, later
    <|python_tag|>{"name": ..., "parameters": {...}}; ...               Llama
    {"name": ..., "arguments" or "parameters": {...}}                   bare, fenced, or in a list
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from agent import dialect
from agent.arguments import MALFORMED
from agent.messages import ToolCall

STARTS = 200
"""Places of a reply at which calls are looked for; broken nested ones cost much to read."""

_JSON = r"(?:\[\s*)?\{\s*\"(?:name|function|id|type|arguments|parameters)\""
_TAGS = r"<tool_call>|<function=|\[TOOL_CALLS\]|<\|python_tag\|>"
_START = re.compile(rf"^[ \t]*(?=(?:```(?:json|xml|tool_call)?\s*)?(?:{_TAGS}|{_JSON}))", re.MULTILINE)
_CALL_JSON = re.compile(_JSON)
_BETWEEN = re.compile(
    r"(?:\s|;|```(?:json|xml|tool_call)?|</?tool_calls?>|</function>|</s>"
    r"|<\|(?:eom_id|eot_id|im_end|endoftext|end_of_text)\|>)*"
)
_FENCE = re.compile(r"^[ \t]*```", re.MULTILINE)
_TAG = re.compile(r"\[TOOL_CALLS\]\s*|<\|python_tag\|>\s*")
_MISTRAL = re.compile(r"\[TOOL_CALLS\]\s*([\w.-]+)(?:\[CALL_ID\][\w-]*)?\[ARGS\]\s*(?=\{)")
_JSON_FUNCTION = re.compile(r"<function=[\"']?([\w.-]+)[\"']?>\s*(?=\{)")
_MARKS = ("<tool_call>", "<function=", "[TOOL_CALLS]", "<|python_tag|>")
_KEYS = {"name", "arguments", "parameters", "id", "type"}
_DECODER = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class Salvaged:
    """Calls found in a text, in order, and the prose before them."""

    calls: tuple[ToolCall, ...]
    prose: str


def salvage(text: str, offered: Collection[str], prefix: str = "salvaged") -> Salvaged | None:
    """Return the calls that a text ends with, None where it ends with none; see the module for the rule.

    Args:
        text: a reply that came without tool calls.
        offered: the names of the tools.
        prefix: what the calls' ids begin with; their place follows.
    """
    if "\r\n" in text and text.count("\r\n") == text.count("\n"):
        text = text.replace("\r\n", "\n")
    position = 0
    for start in list(_START.finditer(text))[-STARTS:]:
        if start.start() < position:
            continue  # inside of what was read already
        found, position = _read_calls(text, start.end(), offered)
        if found and position == len(text):
            calls = tuple(
                call.model_copy(update={"id": f"{prefix}-{place}"}) for place, call in enumerate(found)
            )
            return Salvaged(calls, _closed(text[: start.start()].strip()))
    return None


def _closed(prose: str) -> str:
    """Return prose with the fence that ends its last block, which was read as one around the calls."""
    return f"{prose}\n```" if len(_FENCE.findall(prose)) % 2 else prose


def remnant(text: str) -> str:
    """Return the mark of a call that a text holds in no readable form, empty where it has none."""
    return next((mark for mark in _MARKS if mark in text), "")


def _read_calls(text: str, position: int, offered: Collection[str]) -> tuple[list[ToolCall], int]:
    """Return the calls from a position on, and where what is neither call nor filling begins."""
    calls: list[ToolCall] = []
    while True:
        position = _end_of_filling(text, position)
        read = _read_one(text, position)
        if read is None or not all(call.name in offered for call in read[0]):
            return calls, position
        calls += read[0]
        position = read[1]


def _end_of_filling(text: str, position: int) -> int:
    match = _BETWEEN.match(text, position)
    return match.end() if match else position


def _read_one(text: str, position: int) -> tuple[list[ToolCall], int] | None:
    """Return the calls of the form that stands at a position, and where it ends."""
    for pattern in (_MISTRAL, _JSON_FUNCTION):
        if named := pattern.match(text, position):
            value = _read_json(text, named.end())
            return ([_call(named[1], value[0])], value[1]) if value else None
    if text.startswith("<function=", position):
        read = dialect.read_call(text, position, "")
        return ([read[0]], read[1]) if read else None
    if tag := _TAG.match(text, position):
        position = tag.end()
    value = _read_json(text, position) if _CALL_JSON.match(text, position) else None
    if value is None:
        return None
    calls = _calls_of(value[0])
    return (calls, value[1]) if calls else None


def _read_json(text: str, position: int) -> tuple[Any, int] | None:
    if not text.startswith(("{", "["), position):
        return None
    try:
        return _DECODER.raw_decode(text, position)
    except (ValueError, RecursionError):
        return None


def _calls_of(value: Any) -> list[ToolCall]:
    """Return the calls that a JSON value is, none where any part of it is none."""
    calls = []
    for one in value if isinstance(value, list) else [value]:
        if (
            isinstance(one, dict)
            and isinstance(one.get("function"), dict)
            and set(one) <= {"function", *_KEYS}
        ):
            one = one["function"]
        if not isinstance(one, dict) or not set(one) <= _KEYS or not isinstance(one.get("name"), str):
            return []
        given = [one[key] for key in ("arguments", "parameters") if key in one]
        if len(given) != 1:
            return []
        calls.append(_call(one["name"], given[0]))
    return calls


def _call(name: str, arguments: Any) -> ToolCall:
    """Return a call; arguments that are no object become a problem for the loop to answer."""
    if isinstance(arguments, str):  # encoded twice, as in the API's own form
        with contextlib.suppress(ValueError, RecursionError):
            arguments = _DECODER.decode(arguments)
    if not isinstance(arguments, dict):
        kind = type(arguments).__name__
        arguments = {MALFORMED: f"The arguments are no JSON object but {kind}: {str(arguments)[:300]}"}
    return ToolCall(id="", name=name, arguments=arguments)
