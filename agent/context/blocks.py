"""A file as it stands in a context: whole, or the lines around its relevant definitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.context.tokens import Count
from agent.symbols import Symbol

NEAR = 3
"""Lines around a definition that are shown with it; what lies no further apart is joined."""
ENOUGH = 0.9
"""Share of its room from which on an excerpt is full."""


@dataclass(frozen=True, slots=True)
class Block:
    """A file's text in a context; `tokens` counts it with the line break behind it."""

    path: str
    text: str
    tokens: int
    whole: bool


Lines = tuple[int, int]
"""The first and the last line of a piece, counted from 1."""


def whole_block(path: str, text: str, count: Count) -> Block:
    """Return a file as a block."""
    body = text if text.endswith("\n") or not text else f"{text}\n"
    return _block(path, f'<file path="{path}">\n{body}</file>', count, whole=True)


def excerpt_block(
    path: str, text: str, definitions: Sequence[Symbol], tokens: int, count: Count
) -> Block | None:
    """Return the parts of a file around its most relevant definitions, None where nothing fits.

    Args:
        path: the file's path.
        text: its text.
        definitions: its definitions, best first; one that does not fit is shown by its first lines if those
            do, and else left out for the next.
        tokens: the most the block may have.
        count: counts tokens.
    """
    lines = text.split("\n")
    chosen: list[Lines] = []
    best: Block | None = None
    for definition in definitions:
        if any(start <= definition.start and definition.end <= end for start, end in chosen):
            continue
        for piece in _pieces(definition, len(lines)):
            block = _excerpt(path, lines, _joined([*chosen, piece]), count)
            if block.tokens <= tokens:
                chosen.append(piece)
                best = block
                break
        if best is not None and best.tokens > tokens * ENOUGH:
            break
    return best


def _pieces(definition: Symbol, last: int) -> Iterable[Lines]:
    """Yield what may be shown of a definition, the most first."""
    start = max(1, definition.start - NEAR)
    yield start, min(last, definition.end + NEAR)
    head = min(definition.end, definition.body + NEAR)
    if head < definition.end:
        yield definition.start, head


def _joined(pieces: Iterable[Lines]) -> list[Lines]:
    """Return pieces in order, those that touch or nearly do as one."""
    joined: list[Lines] = []
    for start, end in sorted(pieces):
        if joined and start <= joined[-1][1] + NEAR + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _excerpt(path: str, lines: Sequence[str], pieces: Sequence[Lines], count: Count) -> Block:
    shown = "".join(
        f"[lines {start}-{end}]\n" + "".join(f"{line}\n" for line in lines[start - 1 : end])
        for start, end in pieces
    )
    text = f'<file path="{path}" excerpt="of {len(lines)} lines">\n{shown}</file>'
    return _block(path, text, count, whole=False)


def _block(path: str, text: str, count: Count, *, whole: bool) -> Block:
    return Block(path, text, count(f"{text}\n"), whole)
