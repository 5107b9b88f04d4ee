"""Why a passage was not found in a file: the passage most like it, and what differs."""

from __future__ import annotations

import difflib
import re
from collections import Counter

from agent.view_tool import number_lines, split_lines

NEAR = 0.5
"""Likeness, from 0 to 1, below which a passage is not worth showing."""
CONSIDERED = 8
"""Places in the file that are compared letter by letter."""
COMPARED = 1500
"""Characters of a passage that are compared."""


def explain_missing(text: str, old: str, path: str, name: str = "`old`") -> str:
    """Return what to tell a model whose passage, called `name` where it was given, is not in `text`."""
    wanted, lines = split_lines(old), split_lines(text)
    if not lines:
        return f"{path} is empty."
    if any(wanted) and all(re.match(r" *\d+\t", line) for line in wanted if line):
        return (
            f"{name} holds the line numbers that are shown with a file: leave out each number and the tab "
            "behind it."
        )
    start = _nearest(wanted, lines)
    if start is None:
        return f"{name} does not occur in {path}, nor anything like it: look at the file, or search it."
    passage = lines[start : start + len(wanted)]
    shown = number_lines(text, start + 1, start + len(passage))
    difference = _difference(wanted, passage, start)
    return f"{name} does not occur in {path}. {difference}The nearest lines are:\n{shown}"


def _nearest(wanted: list[str], lines: list[str]) -> int | None:
    """Return the index of the line where the passage most like `wanted` starts."""
    votes = _votes_by_equal_lines(wanted, lines) or _votes_by_similar_line(wanted, lines)
    matcher = difflib.SequenceMatcher(None, "", "\n".join(wanted)[:COMPARED], autojunk=False)
    best, start = NEAR, None
    for candidate, _ in votes.most_common(CONSIDERED):
        matcher.set_seq1("\n".join(lines[candidate : candidate + len(wanted)])[:COMPARED])
        if (likeness := matcher.ratio()) > best:
            best, start = likeness, candidate
    return start


def _votes_by_equal_lines(wanted: list[str], lines: list[str]) -> Counter[int]:
    """Count, for each possible start, the lines that agree, white space and common lines left aside."""
    places: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        places.setdefault(_squeezed(line), []).append(index)
    votes: Counter[int] = Counter()
    for offset, line in enumerate(wanted):
        key = _squeezed(line)
        found = places.get(key, []) if key else []
        for index in found if len(found) <= 50 else []:
            if index >= offset:
                votes[index - offset] += 1
    return votes


def _votes_by_similar_line(wanted: list[str], lines: list[str]) -> Counter[int]:
    """Place `wanted` where the line most like its longest one is."""
    offset, longest = max(enumerate(wanted), key=lambda pair: len(pair[1].strip()))
    votes: Counter[int] = Counter()
    matcher = difflib.SequenceMatcher(None, "", longest.strip()[:400], autojunk=False)
    for index, line in enumerate(lines[:50_000]):
        matcher.set_seq1(line.strip()[:400])
        if matcher.real_quick_ratio() > NEAR and matcher.quick_ratio() > NEAR:
            votes[max(0, index - offset)] = int(1000 * matcher.ratio())
    return votes


def _difference(wanted: list[str], passage: list[str], start: int) -> str:
    same_words = [_squeezed(line) for line in wanted] == [_squeezed(line) for line in passage]
    for index, (yours, theirs) in enumerate(zip(wanted, passage, strict=False)):
        # a passage may begin and end within a line
        begins = index == 0 and theirs.endswith(yours)
        ends = index == len(wanted) - 1 and theirs.startswith(yours)
        if yours != theirs and not begins and not ends:
            if same_words:
                return (
                    f"Only white space differs, first in line {start + index + 1}: {yours!r} is {theirs!r}. "
                )
            return f"First difference in line {start + index + 1}: yours is {yours[:200]!r}. "
    return ""


def _squeezed(line: str) -> str:
    return "".join(line.split())
