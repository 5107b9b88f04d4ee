"""Names of candidates and tests in little room: gathered, and cut so that they can be told apart."""

from __future__ import annotations

import re
from collections.abc import Sequence

LEAST = 8
"""Characters below which names are only cut."""
_SAMPLE = re.compile(r"(.*)\bsample (\d+)")


def few(names: Sequence[str], most: int = 4) -> str:
    """Return names as one phrase; samples of one run are gathered: `samples 0, 2, 3`."""
    samples: dict[str, list[int]] = {}
    others = []
    for name in names:
        if match := _SAMPLE.fullmatch(name):
            samples.setdefault(match[1], []).append(int(match[2]))
        else:
            others.append(name)
    phrases = [
        f"{run}sample{'s' if len(numbers) > 1 else ''} {_some(list(map(str, sorted(numbers))), most)}"
        for run, numbers in samples.items()
    ]
    if others:
        phrases.append(_some(others, most))
    return ", ".join(phrases) or "nobody"


def told_apart(names: Sequence[str], room: int, mark: str = "…") -> list[str]:
    """Return names cut to a width; those whose beginnings are the same show where they part.

    Args:
        names: what to show.
        room: characters that one may have.
        mark: stands for what is left out.
    """
    shown = {name: _cut(name, room, mark) for name in names}
    if room < LEAST:
        return [shown[name] for name in names]
    for text in set(shown.values()):
        alike = [name for name, cut in shown.items() if cut == text]
        if len(alike) > 1:
            shown.update(_parted(alike, room, mark))
    return [shown[name] for name in names]


def _parted(alike: Sequence[str], room: int, mark: str) -> dict[str, str]:
    """Return different names that begin alike as their beginning and what follows where they part."""
    shortest = min(map(len, alike))
    same = next((at for at in range(shortest) if len({name[at] for name in alike}) > 1), shortest)
    head = alike[0][: room // 3] + mark
    tails = [name[same:] for name in alike]
    return {
        name: head + tail
        for name, tail in zip(alike, told_apart(tails, max(1, room - len(head)), mark), strict=True)
    }


def _cut(name: str, room: int, mark: str) -> str:
    return name if len(name) <= room else name[: max(0, room - len(mark))] + mark


def _some(names: Sequence[str], most: int) -> str:
    return ", ".join(names[:most]) + (f" +{len(names) - most}" if len(names) > most else "")
