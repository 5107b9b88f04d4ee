"""The relevance scan: a cheap model reads every source file against the issue.

CodeMonkeys (2025), section 3.1: context. There a reply that cannot be parsed loses the file, and long files
are skipped; here the first is asked again and kept as `unread`, and the second are read in parts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.context.answers import as_truth, last_object
from agent.context.asking import AT_ONCE, Asker
from agent.context.prompts import SCAN_SCHEMA, scan_messages
from agent.context.tokens import Count
from agent.messages import Sampling
from agent.models.base import Probing

Status = Literal["relevant", "not relevant", "unread"]

PART = 24_000
"""Tokens of a file that are read at one time."""
REPLY = 400
"""Tokens of a reply: a sentence, a word and three sentences."""
_AROUND = 10_000
"""Tokens of a request beside the file, at most."""
_SUMMARY = 600


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model said of a file; `unread` where it gave no answer that can be read."""

    path: str
    status: Status
    summary: str = ""


async def scan(
    asker: Asker, issue: str, sources: Mapping[str, str], paths: Sequence[str], count: Count
) -> list[Reading]:
    """Return a reading of each file, in the order of `paths`, in which they are also read.

    Args:
        asker: the model.
        issue: the issue's text.
        sources: the files' texts.
        paths: the files to read.
        count: counts the model's tokens.
    """
    if isinstance(asker.model, Probing):
        await asker.model.probe()
    length = asker.model.capabilities.context_length
    size = PART if length is None else max(1000, min(PART, length - _AROUND - REPLY))
    readings: dict[str, Reading] = {}
    waiting = iter(paths)

    async def work() -> None:
        for path in waiting:  # all workers share the iterator
            readings[path] = await _read_file(asker, issue, path, sources[path], size, count)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(AT_ONCE, len(paths))):
            group.create_task(work())
    return [readings[path] for path in paths]


async def _read_file(asker: Asker, issue: str, path: str, text: str, size: int, count: Count) -> Reading:
    """Read a file part by part; it is relevant if a part is, and unread if one is and none is relevant."""
    if not text.strip():
        return Reading(path, "not relevant")
    parts = await asyncio.to_thread(in_parts, text, size, count)
    readings = [
        await asker.ask(
            scan_messages(issue, path, part, number, len(parts)),
            Sampling(max_tokens=REPLY, response_schema=SCAN_SCHEMA),
            lambda reply: read_reading(path, reply),
        )
        for number, part in enumerate(parts, 1)
    ]
    read = [reading for reading in readings if reading is not None]
    relevant = [reading for reading in read if reading.status == "relevant"]
    if relevant:
        return Reading(path, "relevant", " ".join(reading.summary for reading in relevant)[:_SUMMARY])
    return Reading(path, "not relevant" if len(read) == len(readings) else "unread")


def read_reading(path: str, reply: str) -> Reading:
    """Return what a reply says of a file.

    Raises:
        UnreadableError: it is not of the form that was asked for.
    """
    answer = last_object(reply, "relevant")
    status: Status = "relevant" if as_truth(answer["relevant"]) else "not relevant"
    summary = " ".join(str(answer.get("summary") or answer.get("reason") or "").split())
    return Reading(path, status, summary[:_SUMMARY] if status == "relevant" else "")


def in_parts(text: str, size: int, count: Count) -> list[str]:
    """Return a text in parts of at most so many tokens, cut between lines where lines are short enough."""
    if len(text) <= size or count(text) <= size:
        return [text]
    return [part for half in _halves(text) for part in in_parts(half, size, count)]


def _halves(text: str) -> Iterable[str]:
    """Return a text in two parts of about one length."""
    middle = len(text) // 2
    end = text.find("\n", middle, middle + len(text) // 4) + 1 or middle
    return text[:end], text[end:]
