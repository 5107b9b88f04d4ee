"""The `search` tool: definitions by name, then lines by text."""

from __future__ import annotations

import asyncio
import posixpath
import shlex

from agent.languages import SOURCES, language_of
from agent.sources import fetch
from agent.symbols import Symbol, cut
from agent.tool_error import ToolError, inside, kind_of
from sandbox.base import Sandbox

DEFINITIONS = 40
HITS = 60
LINE = 240
"""Characters shown of one hit."""


async def search(sandbox: Sandbox, query: str, path: str) -> str:
    """Return the definitions named by `query` and the lines holding it, below `path`.

    Raises:
        ToolError: `path` does not exist.
    """
    below = inside(sandbox, path) if path else "."
    if path and not await kind_of(sandbox, below):
        raise ToolError(f"There is no {path} to search in.")
    symbols = await _definitions(sandbox, query, below)
    hits = await _hits(sandbox, query, below)
    if not symbols and not hits:
        return f"Nothing named or holding {query!r}" + (f" below {path}." if path else ".")
    return "\n".join([*_bounded(symbols, DEFINITIONS, "definitions"), *_bounded(hits, HITS, "lines")])


async def _definitions(sandbox: Sandbox, query: str, below: str) -> list[str]:
    dotted = query.strip().removesuffix("()").replace("::", ".").replace("#", ".")
    name = dotted.rpartition(".")[2]
    if not name.isidentifier():
        return []
    sources = await fetch(sandbox, _patterns(below), holding=name)
    return await asyncio.to_thread(_matching, sources, dotted)


def _patterns(below: str) -> tuple[str, ...]:
    """Return what the files of all languages whose definitions can be cut match."""
    if below == ".":
        return SOURCES
    return (below,) if language_of(below) else tuple(posixpath.join(below, one) for one in SOURCES)


def _matching(sources: dict[str, str], query: str) -> list[str]:
    """Return the definitions that `query` names, exact names before names that only contain it."""
    ranked: list[tuple[int, str, int, Symbol]] = []
    for path, text in sources.items():
        for symbol in cut(text, path):
            rank = _rank(symbol, query)
            if rank is not None:
                ranked.append((rank, path, symbol.start, symbol))
    ranked.sort(key=lambda entry: entry[:3])
    return [str(entry[3]) for entry in ranked]


def _rank(symbol: Symbol, query: str) -> int | None:
    if symbol.qualified == query:
        return 0
    if symbol.name == query or f".{symbol.qualified}".endswith(f".{query}"):
        return 1
    # `package.module.function`: the module's part is matched against the path
    dotted = posixpath.splitext(symbol.path)[0].replace("/", ".") + "." + symbol.qualified
    if f".{dotted}".endswith(f".{query}"):
        return 1
    return 2 if query.lower() in symbol.qualified.lower() else None


async def _hits(sandbox: Sandbox, query: str, below: str) -> list[str]:
    """Return the lines holding `query`; where none does, those it matches as a regular expression."""
    for flag in ("-F", "-E"):
        grep = f"grep -rnHI{flag[1]} --exclude-dir=.git --exclude-dir=__pycache__"
        command = f"{grep} -e {shlex.quote(query)} -- {shlex.quote(below)} 2>/dev/null | head -c 400000"
        lines = (await sandbox.exec(command, timeout=60)).output.decode("utf-8", "replace").splitlines()
        if lines:
            return sorted(map(_hit, lines), key=_place)
    return []


def _hit(line: str) -> str:
    path, _, rest = line.removeprefix("./").partition(":")
    number, _, text = rest.partition(":")
    text = text.strip()
    return f"{path}:{number}: {text if len(text) <= LINE else text[:LINE] + ' [...]'}"


def _place(hit: str) -> tuple[str, int]:
    path, number, _ = hit.split(":", 2)
    return path, int(number) if number.isdecimal() else 0


def _bounded(lines: list[str], limit: int, what: str) -> list[str]:
    if len(lines) <= limit:
        return lines
    return [
        *lines[:limit],
        f"[{limit} of {len(lines)} {what}; narrow the search with `path` or a longer text]",
    ]
