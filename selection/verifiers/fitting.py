"""Prompts that fit: sections are cut in their middle, the most dispensable first, until all have room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.context.tokens import Count
from agent.excerpts import cut_middle

MARK = 80
"""Characters that the mark of an omission may take."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a prompt.

    `rank` says when it is cut: smaller ones first, and what has the largest only when nothing else is left.
    `least` are characters that stay as long as something behind it in rank can still be cut.
    """

    name: str
    text: str
    rank: int
    least: int = 400


@dataclass(frozen=True, slots=True)
class Fitted:
    """Texts by name of section, and what was cut, in words; empty where nothing was."""

    texts: dict[str, str]
    cut: tuple[str, ...] = ()


def fit(sections: Sequence[Section], tokens: int, count: Count) -> Fitted:
    """Return the sections' texts, together at most `tokens` long; none is cut before all of lower ranks.

    Args:
        sections: the parts, in any order.
        tokens: the room for all of them together.
        count: counts the model's tokens.
    """
    texts = {section.name: section.text for section in sections}
    for least in (True, False):
        for section in sorted(sections, key=lambda one: one.rank):
            over = sum(map(count, texts.values())) - tokens
            if over <= 0:
                break
            floor = section.least if least else 0
            texts[section.name] = _shortened(texts[section.name], over, floor, count)
    cut = tuple(
        f"{section.name} to {len(texts[section.name]):,} of {len(section.text):,} characters"
        for section in sections
        if texts[section.name] != section.text
    )
    return Fitted(texts, cut)


def _shortened(text: str, over: int, floor: int, count: Count) -> str:
    """Return a text that has about `over` tokens less, but never less than `floor` characters of it."""
    have = count(text)
    goal = have - over
    length = min(len(text), max(floor, len(text) * max(goal, 0) // max(have, 1) - MARK))
    while length > floor and count(_cut(text, length)) > goal:
        length = max(floor, length * 9 // 10 - 8)
    return _cut(text, length)


def _cut(text: str, length: int) -> str:
    """Return head and tail of a text with a mark between them; nothing where there is no room."""
    if length >= len(text):
        return text
    return cut_middle(text, length) if length > 0 else ""
