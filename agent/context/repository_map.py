"""A map of the repository: paths with their definitions' signatures, the more relevant the more of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agent.context.tokens import Count
from agent.symbols import Symbol

SIGNATURE = 160
"""Characters of a signature that are shown."""
LISTED = 200
"""Definitions of one file that are shown at most."""

Entry = tuple[int, int, int, str]
"""What decides when a line gets its room, the file's place, the line's place in the file, the line."""


def draw_map(
    files: Sequence[str],
    definitions: Mapping[str, Sequence[Symbol]],
    sources: Mapping[str, str],
    tokens: int,
    count: Count,
) -> tuple[str, ...]:
    """Return one text for each file shown, best first, of at most so many tokens together.

    Room goes to lines in the order of (place of the file) x (place within the file): the best file gets about
    twice as many signatures as the second and ten times as many as the tenth.

    Args:
        files: the files, best first.
        definitions: those of each file, best first.
        sources: the files' texts.
        tokens: the most the map may have.
        count: counts tokens.
    """
    chosen = list(_fitting(_entries(files, definitions, sources), tokens, count))
    while chosen and count("\n".join(_drawn(chosen))) > tokens:
        chosen.pop()  # tokens of joined lines may be more than those of the lines
    return _drawn(chosen)


def _fitting(entries: Sequence[Entry], tokens: int, count: Count) -> Iterator[Entry]:
    """Yield the lines that fit, a definition's only if its file's does."""
    room = tokens
    shown: set[int] = set()
    for entry in entries:
        _, file, line, text = entry
        if room <= 0:
            return
        if line and file not in shown:
            continue
        size = count(f"{text}\n")
        if size <= room:
            room -= size
            shown.add(file)
            yield entry


def _drawn(entries: Sequence[Entry]) -> tuple[str, ...]:
    files: dict[int, list[tuple[int, str]]] = {}
    for _, file, line, text in sorted(entries, key=lambda entry: entry[1:3]):
        files.setdefault(file, []).append((line, text))
    return tuple("\n".join(text for _, text in lines) for lines in files.values())


def _entries(
    files: Sequence[str], definitions: Mapping[str, Sequence[Symbol]], sources: Mapping[str, str]
) -> list[Entry]:
    entries: list[Entry] = []
    for place, path in enumerate(files, 1):
        entries.append((place, place, 0, path))
        ranked = definitions.get(path, ())[:LISTED]
        lines = sources[path].split("\n") if ranked else []
        entries.extend(
            (place * number, place, symbol.start, _line(symbol, lines))
            for number, symbol in enumerate(ranked, 2)
        )
    return sorted(entries)


def _line(symbol: Symbol, lines: Sequence[str]) -> str:
    depth = symbol.qualified.count(".") + 1
    return f"{'  ' * depth}{symbol.start}-{symbol.end} {_signature(symbol, lines)}"


def _signature(symbol: Symbol, lines: Sequence[str]) -> str:
    """Return the lines of a definition that name it, as one."""
    last = max(symbol.start, min(symbol.body, symbol.end))
    head = [line.strip() for line in lines[symbol.start - 1 : last]]
    first = next((n for n, line in enumerate(head) if symbol.name in line and not line.startswith("@")), 0)
    # the line on which the body begins belongs to the signature only where it holds the name
    named = (
        head[first : max(first + 1, len(head) - 1)] if symbol.body > symbol.start else head[first : first + 1]
    )
    text = " ".join(named).rstrip("{ ")
    return text if len(text) <= SIGNATURE else f"{text[:SIGNATURE]} [...]"
