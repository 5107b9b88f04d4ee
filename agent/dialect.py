"""Tool calls as text, for models without native tools: the same tools with the same meaning.

A call is written as

    <function=edit>
    <parameter=path>src/a.py</parameter>
    <parameter=old>
    the text, any number of lines, nothing escaped
    </parameter>
    <parameter=new></parameter>
    </function>

`<function=...>` starts a line. A value that starts behind a line end also ends before one, and those two
line ends are not part of it. A value ends at the first `</parameter>` that another parameter or
`</function>` follows; a value holding such text is given an end of its own: `<parameter=old end=MARK>`,
closed by `</parameter=MARK>`. All complete calls of a reply count, in order: as with native tools, a reply
may hold several. `<parameter name="old">`, as other dialects have it, means the same. Text around the calls,
Markdown fences included, is thought and no action.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent.messages import ToolCall, ToolSpec

_CALL = re.compile(r"<function=[\"']?([\w.-]+)[\"']?>")
_OPEN = re.compile(rf"^[ \t]*{_CALL.pattern}", re.MULTILINE)
_PARAMETER = re.compile(r"\s*<parameter(?:=| name=)[\"']?([\w.-]+)[\"']?(?: end=[\"']?(\w+)[\"']?)?>")
_CLOSE = re.compile(r"\s*</function>")
_END_OF_VALUE = re.compile(
    r"</parameter>(?=\s*(?:<parameter(?:=| name=)[\"']?[\w.-]+[\"']?(?: end=[\"']?\w+[\"']?)?>|</function>))"
)
_AFTER_CALL = re.compile(r"\s*(?:```\s*|</tool_call>\s*)*(?:$|<tool_call>|^[ \t]*<function=)", re.MULTILINE)

ENTRY = "</parameter>"

INSTRUCTIONS = """\
# How to call a tool

Write the call as plain text, exactly in this form, `<function=` at the start of a line:

<function=TOOL>
<parameter=NAME>a value of one line</parameter>
<parameter=OTHER>
    a value of several lines,
    the first of them indented
</parameter>
</function>

- Values are raw text: no quotes, no escapes, no Markdown fences; indentation counts.
- A value of several lines starts on the line after `<parameter=...>` and ends on the line before
  `</parameter>`.
- Leave out parameters that have the default you want.
- If a value itself holds `</parameter>`, open it with `<parameter=NAME end=MARK>` and close it with
  `</parameter=MARK>`.
- Think first if you like, then call; where several calls are allowed, they run in order. Then stop: the
  results come in the next message. Never write results yourself.
"""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A reply as read: its complete calls in order, and what is wrong with the rest, if anything is."""

    calls: tuple[ToolCall, ...]
    problem: str = ""


def render_tools(tools: Sequence[ToolSpec]) -> str:
    """Return the description of the tools, and how to call them, for the system message."""
    described = "\n\n".join(_render_tool(tool) for tool in tools)
    return f"# Tools\n\n{described}\n\n{INSTRUCTIONS}"


def render_call(name: str, arguments: Mapping[str, object]) -> str:
    """Return a call as a model writes it; `parse` gives the same call with its arguments as text."""
    values = "\n".join(_render_value(key, str(value)) for key, value in arguments.items())
    return f"<function={name}>\n{values}\n</function>" if values else f"<function={name}>\n</function>"


def render_result(name: str, text: str) -> str:
    """Return what a tool returned as part of the next user message."""
    return f"<result of={name}>\n{text}\n</result>"


def parse(text: str, prefix: str = "call") -> Parsed:
    """Return the calls in a model's reply; their ids are `prefix` and their place.

    Reading stops at the first call that is not complete: what comes behind it may depend on it.
    """
    if "\r\n" in text and text.count("\r\n") == text.count("\n"):
        text = text.replace("\r\n", "\n")
    calls: list[ToolCall] = []
    position = 0
    while opening := _OPEN.search(text, position):
        try:
            arguments, position = _read_parameters(text, opening)
        except _BrokenCallError as error:
            return Parsed(tuple(calls), str(error))
        calls.append(ToolCall(id=f"{prefix}-{len(calls)}", name=opening.group(1), arguments=arguments))
    if calls:
        return Parsed(tuple(calls))
    return Parsed((), _no_call(text))


def read_call(text: str, position: int, id_: str) -> tuple[ToolCall, int] | None:
    """Return the complete call whose `<function=` is at a position, and where it ends; None where none is."""
    opening = _CALL.match(text, position)
    if opening is None:
        return None
    try:
        arguments, end = _read_parameters(text, opening)
    except _BrokenCallError:
        return None
    return ToolCall(id=id_, name=opening.group(1), arguments=arguments), end


class _BrokenCallError(Exception):
    """A call that is not complete; the message says what is missing."""


def _read_parameters(text: str, opening: re.Match[str]) -> tuple[dict[str, str], int]:
    name, position = opening.group(1), opening.end()
    arguments: dict[str, str] = {}
    while parameter := _PARAMETER.match(text, position):
        key, mark = parameter.group(1), parameter.group(2)
        if key in arguments:
            raise _BrokenCallError(f"The call of `{name}` gives `{key}` twice.")
        end, position = _end_of_value(text, parameter.end(), mark, f"`{key}` of the call of `{name}`")
        arguments[key] = _value(text[parameter.end() : end])
    if closing := _CLOSE.match(text, position):
        return arguments, closing.end()
    if arguments and _AFTER_CALL.match(text, position):
        return arguments, position  # only `</function>` is missing, as when it is a stop sequence
    found = text[position : position + 80].strip().partition("\n")[0]
    where = f"found {found!r}" if found else "the reply ends"
    raise _BrokenCallError(
        f"The call of `{name}` is not closed: expected <parameter=...> or </function>, but {where}."
    )


def _end_of_value(text: str, start: int, mark: str | None, what: str) -> tuple[int, int]:
    """Return where a value ends, and where the text behind its closing tag begins."""
    if mark is not None:
        closing = f"</parameter={mark}>"
        end = text.find(closing, start)
        if end < 0:
            raise _BrokenCallError(f"{what} is not closed: {closing} is missing.")
        return end, end + len(closing)
    first = text.find(ENTRY, start)
    if first < 0:
        raise _BrokenCallError(f"{what} is not closed: {ENTRY} is missing; perhaps the reply was cut off.")
    ends = _ends_of_values(text)
    at = bisect_left(ends, start)
    end = ends[at] if at < len(ends) else first
    return end, end + len(ENTRY)


@lru_cache(maxsize=1)
def _ends_of_values(text: str) -> tuple[int, ...]:
    """Return where values of a text may end, found once: each call looking anew would cost its square."""
    return tuple(end.start() for end in _END_OF_VALUE.finditer(text))


def _value(raw: str) -> str:
    """Return a value without the line ends that only set it off from its tags."""
    if not raw.startswith("\n"):
        return raw
    raw = raw[1:]
    line, _, last = raw.rpartition("\n")
    if last.strip(" \t") == "":  # the closing tag stands on a line of its own, indented or not
        return line
    return raw


def _render_value(key: str, value: str) -> str:
    mark = ""
    if ENTRY in value or "</parameter=" in value or value.rstrip().endswith("</parameter"):
        number = 0
        while f"</parameter=END{number}>" in value:
            number += 1
        mark = f"END{number}"
    body = f"\n{value}\n" if "\n" in value or "\r" in value else value
    return f"<parameter={key}{f' end={mark}' if mark else ''}>{body}</parameter{f'={mark}' if mark else ''}>"


def _render_tool(tool: ToolSpec) -> str:
    properties = tool.parameters.get("properties")
    required = tool.parameters.get("required") or ()
    lines = [f"## {tool.name}", tool.description]
    for name, shape in (properties if isinstance(properties, dict) else {}).items():
        facts = shape if isinstance(shape, dict) else {}
        needed = isinstance(required, list) and name in required
        default = "" if needed else f", default {facts.get('default')!r}"
        lines.append(f"- {name} ({facts.get('type', 'string')}{default}): {facts.get('description', '')}")
    return "\n".join(lines)


def _no_call(text: str) -> str:
    if not text.strip():
        return "The reply was empty."
    if "<function=" in text:
        return "The reply has no call: `<function=NAME>` must stand at the start of a line."
    return "The reply has no call."
