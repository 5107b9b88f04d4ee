"""Fill a window of tokens with files: by value, then by size, and never more than it holds.

CodeMonkeys (2025) takes ranked files until the first that does not fit. Here the walk goes on behind it, and
a large file enters as an excerpt, so that one of 60,000 tokens does not push out ten others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.context.blocks import Block

FILES = 32
"""So many files shall be seen at least, as excerpts if they must ..."""
LEGIBLE = 2000
"""... but a file may always take so many tokens: excerpts that are smaller show too little ..."""
LARGEST = 8
"""... if these are no more than one part in so many of the window."""

Excerpt = Callable[[str, int], Block | None]
"""Returns a file's excerpt of at most so many tokens, None where nothing fits."""


def pack(
    paths: Sequence[str],
    whole: Callable[[str], Block],
    excerpt: Excerpt,
    tokens: int,
    least: Callable[[str], int] = lambda path: 0,
) -> list[Block]:
    """Return blocks of at most so many tokens together, in the order of paths.

    Each path in turn enters whole, or as an excerpt where it is larger than its share or the room; one that
    does not fit is passed over. What is left then makes excerpts whole, best first. No path is left out whose
    whole text would fit.

    Args:
        paths: the files, best first.
        whole: returns a file as a block.
        excerpt: returns an excerpt of it.
        tokens: the most all blocks may have.
        least: tokens that a file has at the least, told cheaply.
    """
    room = tokens
    share = max(tokens // FILES, min(LEGIBLE, tokens // LARGEST))
    chosen: dict[str, Block] = {}
    for path in dict.fromkeys(paths):
        block = _fitting(path, whole, excerpt, room, share, least(path))
        if block is not None:
            chosen[path] = block
            room -= block.tokens
    for path, block in chosen.items():
        if not block.whole and least(path) - block.tokens <= room:
            full = whole(path)
            if full.tokens - block.tokens <= room:
                chosen[path] = full
                room -= full.tokens - block.tokens
    return list(chosen.values())


def _fitting(
    path: str, whole: Callable[[str], Block], excerpt: Excerpt, room: int, share: int, least: int
) -> Block | None:
    """Return a file in the form in which it enters, None where none fits."""
    full = whole(path) if least <= room else None
    if full is not None and full.tokens <= min(room, share):
        return full
    part = excerpt(path, min(room, share))
    if part is not None and part.tokens <= min(room, share):
        return part
    return full if full is not None and full.tokens <= room else None
