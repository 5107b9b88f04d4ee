"""Journals read without holding them: shown while a run writes them, verified, and made smaller."""

from __future__ import annotations

import json
import os
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.messages import Value
from runs.blobs import Blobs
from runs.failures import UsageError
from runs.folder import write_text
from runs.journal import VERSION, Event, Journal

NAME = "journal.jsonl"
_SHARED = 256
"""Texts of so many characters are stored once where they occur more than once."""


class Checked(Value):
    """What a look through one journal has found; `problems` make it unsound, `notes` do not."""

    folder: str
    events: int
    bytes: int
    finished: bool
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def line(self) -> str:
        """Return it in one line."""
        state = "DAMAGED" if self.problems else "sound"
        told = "; ".join((*self.problems, *self.notes))
        done = "finished" if self.finished else "unfinished"
        return f"{state}  {self.folder}: {self.events} events, {done}{f'; {told}' if told else ''}"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a journal: its event as it stands there, with the marks of blobs, or why there is none."""

    number: int
    event: Event | None
    problem: str = ""
    torn: bool = False


def journals_in(path: Path) -> list[Path]:
    """Return the folders of issues at a path: that of one issue, or all of a run's.

    Raises:
        UsageError: there is no journal.
    """
    if (path / NAME).is_file():
        return [path]
    if path.name == NAME and path.is_file():
        return [path.parent]
    found = sorted(one.parent for one in path.glob(f"*/{NAME}"))
    if not found:
        raise UsageError(f"{path} holds no journal; name the folder of a run or of an issue")
    return found


def lines_of(folder: Path) -> Iterator[Line]:
    """Yield the lines of a journal, in order."""
    with (folder / NAME).open("rb") as file:
        for number, raw in enumerate(file, 1):
            if not raw.endswith(b"\n"):
                yield Line(number, None, f"a torn last line ({len(raw)} bytes)", torn=True)
                return
            try:
                record = json.loads(raw)
                if record["v"] > VERSION:
                    yield Line(number, None, f"line {number} is of schema {record['v']}")
                    continue
                event = Event(
                    int(record["seq"]), str(record["at"]), str(record["kind"]), dict(record["data"])
                )
            except (ValueError, KeyError, TypeError) as error:
                yield Line(number, None, f"line {number} is damaged ({error})")
            else:
                yield Line(number, event)


def events_of(folder: Path) -> Iterator[Event]:
    """Yield the events of a journal with their large texts; damaged lines are left out."""
    blobs = Blobs(folder / "blobs")
    for line in lines_of(folder):
        if line.event is not None:
            data = line.event.data if line.event.kind == "reply" else _whole(line.event.data, blobs)
            yield Event(line.event.seq, line.event.at, line.event.kind, data)


def verify(folder: Path) -> Checked:
    """Look a journal through: every line, every blob, and that no reply is there twice."""
    blobs = Blobs(folder / "blobs")
    problems: list[str] = []
    notes: list[str] = []
    digests: set[str] = set()
    replies: Counter[tuple[Any, Any]] = Counter()
    events = 0
    finished = False
    for line in lines_of(folder):
        if line.event is None:
            (notes if line.torn else problems).append(line.problem)
            continue
        event = line.event
        if event.seq != events:
            problems.append(f"line {line.number} is event {event.seq}, and {events} was to come")
        events = event.seq + 1
        if event.kind in ("finished", "reopened"):
            finished = event.kind == "finished"
        if event.kind == "reply":
            replies[event.data.get("sample"), event.data.get("turn")] += 1
        else:
            digests |= set(_digests(event.data))
    problems += [problem for digest in sorted(digests) if (problem := _trouble(blobs, digest))]
    problems += [f"sample {one[0]} has turn {one[1]} {n} times" for one, n in replies.items() if n > 1]
    if loose := _loose(folder, digests):
        notes.append(f"{len(loose)} files that no event names (mangabey journal compact removes them)")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return Checked(
        folder=str(folder),
        events=events,
        bytes=size,
        finished=finished,
        problems=tuple(problems),
        notes=tuple(notes),
    )


def compact(folder: Path) -> int:
    """Make a journal smaller without losing anything of it, and return the bytes that were won.

    A torn last line and files that no event names go; a text that stands in it more than once is stored once.

    Raises:
        JournalError: another run writes it, or it is damaged.
    """
    before = _size(folder)
    with Journal(folder) as journal:  # holds it, and cuts a torn line off
        lines = [line.event for line in lines_of(folder) if line.event is not None]
        counts: Counter[str] = Counter()
        for event in lines:
            if event.kind != "reply":
                counts.update(_texts(event.data))
        shared = {text for text, count in counts.items() if count > 1}
        written = "".join(_line(event, shared, journal.blobs) for event in lines)
        write_text(journal.path, written)
        digests = {one for line in lines_of(folder) if line.event for one in _digests(line.event.data)}
        for path in _loose(folder, digests):
            path.unlink(missing_ok=True)
    return before - _size(folder)


def _line(event: Event, shared: set[str], blobs: Blobs) -> str:
    data = event.data if event.kind == "reply" else _parted(event.data, shared, blobs)
    record = {"v": VERSION, "seq": event.seq, "at": event.at, "kind": event.kind, "data": data}
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")) + "\n"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) >= _SHARED:
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _parted(value: Any, shared: set[str], blobs: Blobs) -> Any:
    if isinstance(value, str):
        return {"$blob": blobs.put(value)} if value in shared else value
    if isinstance(value, Mapping):
        return {key: _parted(item, shared, blobs) for key, item in value.items()}
    return [_parted(item, shared, blobs) for item in value] if isinstance(value, list) else value


def _whole(value: Any, blobs: Blobs) -> Any:
    if isinstance(value, Mapping):
        if set(value) == {"$blob"}:
            try:
                return blobs.get(value["$blob"])
            except (OSError, EOFError, zlib.error):
                return f"[blob {value['$blob'][:12]} is missing or damaged]"
        return {key: _whole(item, blobs) for key, item in value.items()}
    return [_whole(item, blobs) for item in value] if isinstance(value, list) else value


def _digests(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if set(value) == {"$blob"}:
            yield str(value["$blob"])
            return
        for item in value.values():
            yield from _digests(item)
    elif isinstance(value, list):
        for item in value:
            yield from _digests(item)


def _trouble(blobs: Blobs, digest: str) -> str:
    """Return what is wrong with a blob, empty where nothing is; reading it compares it with its name."""
    try:
        blobs.get(digest)
    except (OSError, EOFError, zlib.error) as error:
        return f"blob {digest[:12]}: {getattr(error, 'strerror', None) or error}"
    return ""


def _loose(folder: Path, digests: set[str]) -> list[Path]:
    """Return files among the blobs, or torn ones beside the journal, that no event names."""
    blobs = [one for one in (folder / "blobs").rglob("*") if one.is_file()]
    loose = [one for one in blobs if one.name.removesuffix(".gz") not in digests]
    return [*loose, *folder.glob(".part-*")]


def _size(folder: Path) -> int:
    return sum(os.stat(path).st_size for path in folder.rglob("*") if path.is_file())  # noqa: PTH116
