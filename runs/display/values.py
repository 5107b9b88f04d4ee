"""Values in little room: the part that tells two apart, with the quotes and brackets closed around it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

_QUOTES = frozenset({"'", '"'})
_CLOSERS = {"(": ")", "[": "]", "{": "}", "'": "'", '"': '"'}
_TOKEN = re.compile(r"\\.|\w+|.", re.DOTALL)
_PREFIXES = frozenset({"b", "r", "u", "f"})
"""Words that a quote follows where it begins a literal; after any other it is an apostrophe."""


def part_of(value: str, other: str, room: int) -> str:
    """Return a value where there is room for it, and else the part in which another begins to differ.

    Args:
        value: an expression's value as Python writes it, or words.
        other: a value that it is to be told from.
        room: characters of it that are shown; dots, quotes and brackets come beside them.
    """
    start = 0
    if len(value) > room:
        alike = takewhile(lambda pair: pair[0] == pair[1], zip(value, other, strict=False))
        start = max(0, sum(1 for _ in alike) - room // 3)
    end = start + room
    shown = f"{''.join(_open(value[:start]))}...{value[start:end]}" if start else value[:end]
    if end < len(value) or value.endswith("..."):
        shown = f"{shown.removesuffix('...')}...{_closing(_open(value[:end]))}"
    return shown or "nothing"


def _closing(opened: Sequence[str]) -> str:
    return "".join(_CLOSERS[one] for one in reversed(opened))


def _open(text: str) -> list[str]:
    """Return the quotes and brackets that are open at a text's end, the outermost first."""
    found: list[str] = []
    before = ""
    for token in _TOKEN.findall(text):
        quoted = bool(found) and found[-1] in _QUOTES
        if found and token == _CLOSERS[found[-1]]:
            found.pop()
        elif not quoted and token in _CLOSERS and not (token in _QUOTES and _is_word(before)):
            found.append(token)
        before = token
    return found


def _is_word(token: str) -> bool:
    return bool(re.match(r"\w", token)) and token not in _PREFIXES
