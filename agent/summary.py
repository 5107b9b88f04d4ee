"""A structured summary of an ended trajectory, made without any model.

What it read, changed and ran, which commands failed, what it thought last: what another attempt needs of it
(the distilled trajectory of recursive tournament voting), in a bounded number of characters.
"""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from agent.excerpts import cut_middle, first_line, last_lines
from agent.kinds.test_and_edit.blocks import BlocksError, read_blocks
from agent.messages import ToolCall
from agent.trajectory import Observation, Trajectory

LIMIT = 4_000
"""Characters of a summary."""
NAMED = 12
"""Files, searches and commands that are named of each sort."""
FAILED = 5
"""Failed commands that are shown, the last ones."""
THOUGHTS = 6
"""Replies whose first line is quoted, the last ones."""

_CODE = re.compile(r"^\[exit code (-?\d+)\]$", re.MULTILINE)


def summarise(trajectory: Trajectory, limit: int = LIMIT) -> str:
    """Return what a trajectory did, in sections, no longer than `limit` characters."""
    acts = list(_acts(trajectory))
    edits = [(call, seen) for call, seen in acts if call.name == "edit"]
    changed = (path for call, seen in edits if seen.status == "ok" for path in _changed(call))
    sections = {
        "Ended": [f"{trajectory.exit_reason} after {len(trajectory.turns)} steps"],
        "Read": _counted(_given(call, "path") for call, _ in acts if call.name == "view"),
        "Looked at": _counted(
            line for call, _ in acts if call.name == "look" for line in _given(call, "what").splitlines()
        ),
        "Searched for": _counted(_given(call, "query") for call, _ in acts if call.name == "search"),
        "Changed": _counted(changed),
        "Tests written": list(trajectory.test_paths),
        "Edits that were refused": _counted(seen.text for _, seen in edits if seen.status != "ok"),
        "Commands that failed, the last ones": _failed(acts),
        "Thoughts on the way, the last ones": _thoughts(trajectory),
        "Last words": [trajectory.message.strip()],
    }
    text = "\n".join(_section(title, lines) for title, lines in sections.items() if any(lines))
    return cut_middle(text, max(0, limit - 60)) if len(text) > limit else text


def _acts(trajectory: Trajectory) -> Iterator[tuple[ToolCall, Observation]]:
    for turn in trajectory.turns:
        yield from zip(turn.actions, turn.observations, strict=False)


def _given(call: ToolCall, argument: str) -> str:
    return str(call.arguments.get(argument, ""))


def _changed(call: ToolCall) -> Iterator[str]:
    """Yield the paths that an edit changed, of one passage or of blocks."""
    yield _given(call, "path")
    with contextlib.suppress(BlocksError):
        yield from dict.fromkeys(block.path for block in read_blocks(_given(call, "changes")))


def _counted(names: Iterator[str]) -> list[str]:
    """Return names in order of their first use, with how often they were used."""
    counts = Counter(first_line(name) for name in names if name.strip())
    named = [f"{name} ({count}x)" if count > 1 else name for name, count in counts.items()]
    return [*named[:NAMED], *([f"and {len(named) - NAMED} more"] if len(named) > NAMED else [])]


def _failed(acts: Sequence[tuple[ToolCall, Observation]]) -> list[str]:
    found = []
    for call, seen in acts:
        code = _CODE.findall(seen.text)
        if call.name == "bash" and (seen.status == "timed_out" or (code and code[-1] != "0")):
            output = last_lines(_CODE.sub("", seen.text), 2, 240).replace("\n", " | ")
            found.append(f"`{first_line(str(call.arguments.get('command', '')), 160)}`: {output}")
    return found[-FAILED:]


def _thoughts(trajectory: Trajectory) -> list[str]:
    texts = [first_line(turn.reply.text, 240) for turn in trajectory.turns]
    return [text for text in texts if text and not text.startswith("<function=")][-THOUGHTS:]


def _section(title: str, lines: Sequence[str]) -> str:
    return f"{title}:\n" + "\n".join(f"- {line}" for line in lines if line)
