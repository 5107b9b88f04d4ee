"""Other agents' actions as calls of our tools, where these mean the same."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any

from agent.messages import ToolCall

_LASTING = re.compile(
    r"(?:^|[;&|\n({])[ \t]*(?:cd|export|source|set|unset|alias|pushd|popd|shopt|exec|exit|\.)(?:[ \t]|$)"
    r"|^[ \t]*\w+=\S*[ \t]*$",
    re.MULTILINE,
)
"""Shell text that would change the shell for the commands after it."""
_SUBMITTING = ("COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT", "MINI_SWE_AGENT_FINAL_OUTPUT")
_OPTIONS = ("file_text", "old_str", "new_str", "insert_line", "view_range")


def own_shell(command: str, ident: str) -> ToolCall:
    """Return a command that ran in a shell of its own: nothing it sets lasts, unlike in ours.

    The command by which mini-swe-agent ends is our `submit`.
    """
    first = command.lstrip().partition("\n")[0]
    if first.startswith("echo") and any(word in first for word in _SUBMITTING):
        return ToolCall(id=ident, name="submit", arguments={})
    return bash(f"(\n{command}\n)" if _LASTING.search(command) else command, ident)


def bash(command: str, ident: str) -> ToolCall:
    """Return a command in the shell that lasts."""
    return ToolCall(id=ident, name="bash", arguments={"command": command})


def structured(name: str, arguments: Mapping[str, Any], ident: str) -> ToolCall | None:
    """Return our call for one of SWE-agent's, None where none of ours means the same."""
    match name, arguments:
        case "bash", {"command": str(command)} if command:
            return bash(command, ident)
        case "submit" | "submit_review", {**rest} if not rest:
            return ToolCall(id=ident, name="submit", arguments={})
        case "str_replace_editor", _:
            return _editor(arguments, ident)
    return None


def line(action: str, ident: str) -> ToolCall | None:
    """Return our call for an action of SWE-agent as a line: a program of its own, or shell text."""
    action = action.strip()
    program = action.split(maxsplit=1)[0] if action else ""
    if program == "str_replace_editor":
        arguments = _parsed_line(action)
        return _editor(arguments, ident) if arguments else None
    if action in ("submit", "submit_review"):
        return ToolCall(id=ident, name="submit", arguments={})
    if not program or program in _OWN_PROGRAMS or program == "submit":  # a flag that was won is no patch
        return None
    return bash(action, ident)


_OWN_PROGRAMS = frozenset(
    (
        "open",
        "goto",
        "scroll_up",
        "scroll_down",
        "create",
        "edit",
        "insert",
        "search_dir",
        "search_file",
        "find_file",
        "undo_edit",
        "filemap",
        "exit_forfeit",
        "view_image",
        "str_replace",
    )
)
"""Programs of SWE-agent with a file that is open or a window that moves; nothing of ours is like them."""


def _editor(arguments: Mapping[str, Any], ident: str) -> ToolCall | None:
    match arguments:
        case {"command": "view", "path": str(path), "view_range": [int(start), int(end)]}:
            ours: dict[str, Any] = {"path": path, "start": max(1, start), "end": max(0, end)}
            return ToolCall(id=ident, name="view", arguments=ours)
        case {"command": "view", "path": str(path)}:
            return ToolCall(id=ident, name="view", arguments={"path": path})
        case {"command": "create", "path": str(path), "file_text": str(text)}:
            # it replaces a file that is there, and our `edit` does not
            return bash(
                f"mkdir -p {_folder(path)} && printf %s {shlex.quote(text)} > {shlex.quote(path)}", ident
            )
        case {"command": "str_replace", "path": str(path), "old_str": str(old)} if old:
            new = arguments.get("new_str")
            ours = {"path": path, "old": old, "new": new if isinstance(new, str) else ""}
            return ToolCall(id=ident, name="edit", arguments=ours)
        case {"command": "insert", "path": str(path), "insert_line": int(after), "new_str": str(text)}:
            return bash(_insertion(path, after, text), ident)
    return None


def _folder(path: str) -> str:
    return f'"$(dirname {shlex.quote(path)})"'


def _insertion(path: str, after: int, text: str) -> str:
    place = shlex.quote(path)
    head, tail = f"head -n {max(0, after)} {place}", f"tail -n +{max(0, after) + 1} {place}"
    new = shlex.quote(text if text.endswith("\n") else f"{text}\n")
    return (
        f"{{ {head}; printf %s {new}; {tail}; }} > {place}.new && cat {place}.new > {place}; rm {place}.new"
    )


def _parsed_line(action: str) -> dict[str, Any] | None:
    """Return the arguments of the editor when it was called as a program."""
    try:
        words = shlex.split(action)
    except ValueError:
        return None
    if len(words) < 3:
        return None
    arguments: dict[str, Any] = {"command": words[1], "path": words[2]}
    rest = words[3:]
    while rest:
        name = rest.pop(0).removeprefix("--")
        if name not in _OPTIONS:
            return None
        if name == "view_range" and len(rest) >= 2:
            arguments[name] = [_number(rest.pop(0).strip("[],")), _number(rest.pop(0).strip("[],"))]
        elif rest:
            value = rest.pop(0)
            arguments[name] = _number(value) if name == "insert_line" else value
    return arguments


def _number(word: str) -> int | str:
    try:
        return int(word)
    except ValueError:
        return word


def read_object(text: object) -> dict[str, Any] | None:
    """Return the arguments of a native call, which are an object or its JSON; None for anything else."""
    if isinstance(text, str):
        try:
            text = json.loads(text)
        except ValueError:
            return None
    return text if isinstance(text, dict) else None
