"""The `look` action: several places of the repository at once."""

from __future__ import annotations

import re

from agent.search_tool import search
from agent.tool_error import ToolError, kind_of
from agent.view_tool import view
from sandbox.base import Sandbox

REQUESTS = 12
SEARCHED = 6000
"""Characters of one search that are shown."""

CODE = 100
"""Lines of code that are shown for a name with several definitions."""

_KEYWORD = re.compile(r"^(?:async def|def|class|function|method)\s+(?=[\w.]+(?:\(\))?:?$)")
_RANGE = re.compile(r"^(?P<path>[^\s:]+):(?P<start>\d+)(?:\s*[-:,]\s*(?P<end>\d+))?\b")
_DEFINITION = re.compile(
    r"^(?P<path>[^\s:]+):(?P<start>\d+)-(?P<end>\d+) (?:class|function|method) (?P<name>\S+)$"
)
_DECORATED = "`'\"*- \t"


async def look(sandbox: Sandbox, what: str, limit: int) -> str:
    """Return what each line of `what` asks for, all together within `limit` characters.

    Raises:
        ToolError: not one of the requests could be answered.
    """
    requests = [line.strip(_DECORATED) for line in what.splitlines() if line.strip(_DECORATED)]
    parts: list[str] = []
    answered = 0
    for at, request in enumerate(requests[:REQUESTS]):
        try:
            text = await _one(sandbox, request)
            answered += 1
        except ToolError as error:
            text = str(error)
        part = f"## {request[:200]}\n{text}"
        if len(part) > limit:
            parts.append(_cut(part, limit) if limit > 500 else f"## {request[:200]}\n[no room left]")
            parts += [f"## {left[:200]}\n[no room left]" for left in requests[at + 1 : REQUESTS]]
            break
        parts.append(part)
        limit -= len(part)
    if requests[REQUESTS:]:
        parts.append(
            f"[{len(requests) - REQUESTS} more requests were left out; {REQUESTS} are answered at once]"
        )
    if not answered:
        raise ToolError("\n\n".join(parts) or "`what` names nothing.")
    return "\n\n".join(parts)


async def _one(sandbox: Sandbox, request: str) -> str:
    """Return lines of a file, a folder's entries, or what a search finds."""
    if "\0" in request:
        raise ToolError("A request cannot hold a NUL character.")
    if place := _RANGE.match(request):
        if await _exists(sandbox, place["path"]):
            return await view(sandbox, place["path"], int(place["start"]), int(place["end"] or 0))
    elif await _exists(sandbox, request):
        return await view(sandbox, request, 1, 0)
    name = _KEYWORD.sub("", request).removesuffix(":").removesuffix("()")
    found = await search(sandbox, name if name.isidentifier() else request, "")
    return _bounded(found) + await _definitions(sandbox, name, found)


async def _exists(sandbox: Sandbox, path: str) -> bool:
    return bool(await kind_of(sandbox, path))


async def _definitions(sandbox: Sandbox, name: str, found: str) -> str:
    """Return the code of what a name stands for, where it stands for few things that are not long."""
    definitions = [line for line in map(_DEFINITION.match, found.splitlines()) if line]
    exact = [one for one in definitions if f".{one['name']}".endswith(f".{name}")]
    places = [(one["path"], int(one["start"]), int(one["end"])) for one in exact]
    if len(places) > 1 and sum(end - start + 1 for _, start, end in places) > CODE:
        return ""
    codes = [f"\n{path}:\n{await view(sandbox, path, start, end)}" for path, start, end in places]
    return "".join(codes)


def _bounded(text: str) -> str:
    return text if len(text) <= SEARCHED else _cut(text, SEARCHED)


def _cut(text: str, limit: int) -> str:
    return text[:limit].rpartition("\n")[0] + "\n[cut here; ask for the rest by lines, or narrower]"
