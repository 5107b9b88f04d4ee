"""Sentences with their values marked: inline code, quoted strings, numbers, and words that name a value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_MARK = re.compile("\ue000(\\d+)\ue001")
_WORDS = {
    "empty string": "''",
    "empty list": "[]",
    "empty tuple": "()",
    "empty dict": "{}",
    "empty dictionary": "{}",
    "empty line": "'\\n'",
    "blank line": "'\\n'",
    "comma": "','",
    "semicolon": "';'",
    "tab": "'\\t'",
    "newline": "'\\n'",
    "zero": "0",
}
_VALUE = re.compile(
    r"`(?P<code>[^`]+)`"
    r"|(?<![\w'\"])(?P<double>\"[^\"\n]{1,200}\")(?![\w\"])"
    r"|(?<![\w'\"])(?P<single>'[^'\n]{1,200}')(?![\w'])"
    r"|(?<![\w.#/-])(?P<number>-?\d+(?:\.\d+)?)(?![\w/-]|\.\d)"
    r"|\b(?P<constant>True|False|None)\b"
    r"|\b(?P<exception>(?:[A-Za-z_]\w*\.)*[A-Z]\w+(?:Error|Exception|Warning))\b"
    rf"|\b(?:(?:an?|the) )?(?P<word>{'|'.join(_WORDS)})\b(?! (?:after|before|between|separated))"
)
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\ue000\"'(])|\n+")


@dataclass(frozen=True, slots=True)
class Value:
    """A value named in a sentence; `position` tells two mentions of one value apart."""

    text: str
    position: int
    quoted: bool = False
    number: bool = False
    code: bool = False


@dataclass(frozen=True, slots=True)
class Phrase:
    """A sentence or a part of one, its values replaced by marks in `text`."""

    text: str
    everything: tuple[Value, ...]

    @property
    def values(self) -> tuple[Value, ...]:
        """The values in this part, in order."""
        return tuple(self.everything[int(match.group(1))] for match in _MARK.finditer(self.text))

    def codes(self) -> tuple[str, ...]:
        """Return the values written as code."""
        return tuple(value.text for value in self.values if value.code)

    def preceding(self, value: Value) -> str:
        """Return the words between the value and the one before it."""
        return _MARK.split(self.text.partition(_mark(value))[0])[-1]

    def following(self, value: Value) -> str:
        """Return the words between the value and the one after it."""
        return _MARK.split(self.text.partition(_mark(value))[2])[0]

    def without(self, values: Collection[Value]) -> Phrase:
        """Return the sentence with some values left out of it."""
        text = self.text
        for value in values:
            text = text.replace(_mark(value), "")
        return Phrase(text, self.everything)

    def split(self, start: int, end: int) -> tuple[Phrase, Phrase]:
        """Return what stands before and after a stretch of the text."""
        return Phrase(self.text[:start], self.everything), Phrase(self.text[end:], self.everything)

    def cut(self, at: re.Pattern[str]) -> list[Phrase]:
        """Cut at every match."""
        return [Phrase(part, self.everything) for part in at.split(self.text)]


def read_phrases(text: str) -> list[Phrase]:
    """Cut prose (inline code between backticks) into sentences with marked values."""
    values: list[Value] = []

    def mark(match: re.Match[str]) -> str:
        kind = match.lastgroup or "code"
        content = match.group(kind)
        source = _WORDS[content] if kind == "word" else content
        value = Value(source, len(values), kind in {"double", "single"}, kind == "number", kind == "code")
        values.append(value)
        return _mark(value)

    marked = _VALUE.sub(mark, re.sub("[\ue000\ue001]", "", text))
    return [Phrase(part, tuple(values)) for part in _END.split(marked) if part.strip()]


def _mark(value: Value) -> str:
    return f"\ue000{value.position}\ue001"
