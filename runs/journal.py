"""The append-only record of one issue's run, from which everything else can be rebuilt.

One JSON object a line: `v` (schema version), `seq`, `at` (UTC), `kind`, `data`. A line is on disk (fsync)
before `append` returns; keys that this process knows are taken out of it. A torn last line, left by a crash
or a full disk, is cut off when the journal is opened again.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import gc
import json
import os
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from pydantic_core import from_json

from agent.models.keys import data_without_keys
from agent.tape import TapeError
from runs.blobs import Blobs

VERSION = 1
_MARK = b'"$blob"'
INLINE = 8192
"""Texts longer than this many characters are stored as blobs, save in replies, which replays read alone."""


class JournalError(TapeError):
    """A journal cannot be opened, read or written; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    seq: int
    at: str
    kind: str
    data: Mapping[str, Any]


class Journal:
    """One issue's folder: `journal.jsonl` and `blobs/`. One process writes it at a time.

    `notices` says what was found wrong and mended when it was opened.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "journal.jsonl"
        self.blobs = Blobs(folder / "blobs")
        self.events: list[Event] = []
        self.notices: list[str] = []
        self._by_kind: dict[str, list[Event]] = {}
        self._lock = asyncio.Lock()
        self._open()

    def _open(self) -> None:
        """Take the folder for this process, and read what is there."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise JournalError(
                f"cannot write to {self.folder}: {error.strerror}; choose another --out"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise JournalError(
                f"{self.folder} is in use by another run; wait for it or choose another --out"
            ) from error
        try:
            self._load()
        except JournalError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        self._file.close()

    async def append(self, kind: str, data: Mapping[str, Any]) -> Event:
        """Record an event durably.

        Raises:
            JournalError: it cannot be written, for instance because the disk is full; what was recorded
                before is intact.
        """
        writing = asyncio.ensure_future(self._append(kind, dict(data)))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])  # what was paid for is recorded before anybody may go
            if not writing.cancelled():
                writing.exception()  # nobody waits for it any more
            raise

    async def _append(self, kind: str, data: dict[str, Any]) -> Event:
        async with self._lock:
            return await asyncio.to_thread(self._write, kind, data)

    def of(self, kind: str, **fields: object) -> Iterator[Event]:
        """Yield the events of a kind whose data hold the given fields, oldest first."""
        for event in self._by_kind.get(kind, ()):
            if all(event.data.get(key) == value for key, value in fields.items()):
                yield event

    def last(self, kind: str, **fields: object) -> Mapping[str, Any] | None:
        """Return the newest such event's data, None where there is none."""
        newest = deque(self.of(kind, **fields), maxlen=1)
        return newest[0].data if newest else None

    def _write(self, kind: str, data: dict[str, Any]) -> Event:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        end = os.fstat(self._file.fileno()).st_size
        try:
            data = data_without_keys(data)
            stored = data if kind == "reply" else self._without_large_texts(data)
            record = {"v": VERSION, "seq": len(self.events), "at": at, "kind": kind, "data": stored}
            line = json.dumps(record, ensure_ascii=True, separators=(",", ":")) + "\n"
            self._write_whole(line.encode("ascii"))
        except OSError as error:
            self._cut(end)
            raise JournalError(
                f"cannot record to {self.folder}: {error.strerror};"
                " make room and go on with --resume (a batch: the same command)"
            ) from error
        event = Event(len(self.events), at, kind, data)
        self._take(event)
        return event

    def _write_whole(self, line: bytes) -> None:
        if self._file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(self._file.fileno())

    def _cut(self, size: int) -> None:
        """Take back a line that was written in part."""
        try:
            os.ftruncate(self._file.fileno(), size)
        except OSError:
            self.notices.append("the last line could not be taken back; the next opening will")

    def _load(self) -> None:
        self._file.seek(0)
        raw = self._file.read()
        whole = raw.rfind(b"\n") + 1
        if whole < len(raw):
            self._cut(whole)
            self.notices.append(f"{self.path}: a torn last line ({len(raw) - whole} bytes) was cut off")
        with _without_collector():
            for event in _parsed(raw[:whole], self.path, self.blobs):
                self._take(event)

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self._by_kind.setdefault(event.kind, []).append(event)

    def _without_large_texts(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > INLINE:
            return {"$blob": self.blobs.put(value)}
        if isinstance(value, Mapping):
            return {key: self._without_large_texts(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._without_large_texts(item) for item in value]
        return value


class ReadJournal(Journal):
    """A journal that is only looked at, one that another process writes too; nothing is added to it.

    Raises:
        JournalError: it cannot be read, or is damaged.
    """

    def _open(self) -> None:
        for event in read_events(self.folder):
            self._take(event)

    def close(self) -> None:
        """Let go of nothing: the folder was not taken."""


def read_events(folder: Path) -> list[Event]:
    """Return the events of a journal that is only looked at, one that is being written too.

    Raises:
        JournalError: it cannot be read, or is damaged.
    """
    path = folder / "journal.jsonl"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise JournalError(f"cannot read {path}: {error.strerror}") from error
    with _without_collector():
        return list(_parsed(raw[: raw.rfind(b"\n") + 1], path, Blobs(folder / "blobs")))


def _parsed(raw: bytes, path: Path, blobs: Blobs) -> Iterator[Event]:
    """Yield the events of whole lines.

    Raises:
        JournalError: one is damaged, or of a newer schema.
    """
    for number, line in enumerate(raw.splitlines(), 1):
        try:
            record = _record(line)
            kind, data = record["kind"], record["data"]
            if _MARK in line and kind != "reply":
                data = _with_large_texts(data, blobs)
            if record["v"] > VERSION:
                raise JournalError(f"{path} was written by a newer Mangabey (schema {record['v']}); update")
            event = Event(record["seq"], record["at"], kind, data)
        except (ValueError, KeyError, TypeError, OSError, EOFError, zlib.error) as error:
            raise JournalError(
                f"{path}, line {number} is damaged ({error}); move the folder away and start anew"
            ) from error
        yield event


def _with_large_texts(value: Any, blobs: Blobs) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$blob"}:
            return blobs.get(value["$blob"])
        return {key: _with_large_texts(item, blobs) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_large_texts(item, blobs) for item in value]
    return value


def _record(line: bytes) -> Any:
    """Return a line's JSON; the fast reader refuses halves of characters, which bytes of files can be."""
    try:
        return from_json(line)
    except ValueError:
        return json.loads(line)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Read many objects that all stay, without the collector going through them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
