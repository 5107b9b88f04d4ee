"""Turn replaced characters into passages that occur once in a file, as the `edit` tool wants them."""

from __future__ import annotations

from collections.abc import Sequence

from agent.models.repair.edits import Cut


def passages(text: str, cuts: Sequence[Cut]) -> list[tuple[str, str]]:
    """Return (old, new) pairs that, replaced one after the other, make the cuts.

    Each `old` is whole lines and occurs exactly once in the text as it is by then.
    """
    steps: list[tuple[str, str]] = []
    for group in _near(text, sorted(cuts)):
        first, last = group[0][0], group[-1][1]
        start, end = text.rfind("\n", 0, first) + 1, _line_end(text, last)
        while not _occurs_once(text, text[start:end]) and (start > 0 or end < len(text)):
            start = text.rfind("\n", 0, max(0, start - 1)) + 1
            end = _line_end(text, min(len(text), end + 1))
        new = text[start:end]
        for left, right, replacement in reversed(group):
            new = new[: left - start] + replacement + new[right - start :]
        steps.append((text[start:end], new))
        text = text[:start] + new + text[end:]
    return steps


def _occurs_once(text: str, passage: str) -> bool:
    """Tell whether a passage has one place only; places that overlap are two."""
    return text.find(passage) == text.rfind(passage)


def _line_end(text: str, place: int) -> int:
    """Return the index of the end of a place's line, its line break not included."""
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _near(text: str, cuts: Sequence[Cut]) -> list[list[Cut]]:
    """Group cuts with fewer than four lines between them, the last group first."""
    groups: list[list[Cut]] = []
    for cut in cuts:
        if groups and text.count("\n", groups[-1][-1][1], cut[0]) < 4:
            groups[-1].append(cut)
        else:
            groups.append([cut])
    return groups[::-1]
