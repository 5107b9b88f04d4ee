"""What was computed from files, kept on disk by their content: safe to lose, to share and to damage."""

from __future__ import annotations

import logging
import sqlite3
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

LARGEST = 512 << 20
"""Bytes kept; beyond, what was not used for the longest time goes."""
_WAIT = 30.0
"""Seconds to wait for another process that writes."""
_DAY = 86_400
_TABLE = "CREATE TABLE IF NOT EXISTS kept (key BLOB PRIMARY KEY, used INTEGER, data BLOB) WITHOUT ROWID"
_log = logging.getLogger(__name__)


class Cache:
    """A file of entries by key.

    Several processes may use it at one time. A damaged file is removed and begun anew; a damaged entry is as
    good as none. Where it can be neither read nor written, everything is computed again, and that is logged.

    Args:
        path: where it lies; made with the folders above it.
        largest: bytes of entries that are kept.
    """

    def __init__(self, path: Path, largest: int = LARGEST) -> None:
        self._path = path
        self._largest = largest

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return what is kept under those of the keys that are known."""
        found: dict[bytes, bytes] = {}
        try:
            with self._opened() as database:
                for some in _batched(keys, 500):
                    marks = ",".join("?" * len(some))
                    rows = database.execute(f"SELECT key, data FROM kept WHERE key IN ({marks})", some)  # noqa: S608
                    found |= {key: data for key, packed in rows if (data := _unpacked(packed)) is not None}
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)
        return found

    def put(self, entries: Mapping[bytes, bytes], used: Iterable[bytes] = ()) -> None:
        """Keep entries, and note of others that they were used."""
        today = int(time.time()) // _DAY
        rows = ((key, today, _packed(data)) for key, data in entries.items())
        try:
            with self._opened() as database:
                database.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", rows)
                old = "UPDATE kept SET used = ? WHERE key = ? AND used < ?"
                database.executemany(old, ((today, key, today) for key in used))
                self._shrink(database)
        except (sqlite3.Error, OSError) as error:
            self._give_up(error)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=_WAIT)) as database:
            database.execute("PRAGMA synchronous = OFF")  # what a power cut takes is computed again
            database.execute(_TABLE)
            with database:
                yield database

    def _shrink(self, database: sqlite3.Connection) -> None:
        """Remove what was not used for the longest time, a tenth more than is needed."""
        (size,) = database.execute("SELECT coalesce(sum(length(data)), 0) FROM kept").fetchone()
        if size <= self._largest:
            return
        surplus = size - self._largest * 9 // 10
        for key, length in database.execute(
            "SELECT key, length(data) FROM kept ORDER BY used, key"
        ).fetchall():
            if surplus <= 0:
                break
            database.execute("DELETE FROM kept WHERE key = ?", (key,))
            surplus -= length

    def _give_up(self, error: Exception) -> None:
        """Say that the cache was of no use, and remove it where it is no database any more."""
        _log.warning("the index in %s cannot be used now (%s); files are read anew", self._path, error)
        if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
            for path in (self._path, self._path.with_name(f"{self._path.name}-journal")):
                path.unlink(missing_ok=True)


def _batched(keys: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    left = iter(keys)
    while some := list(islice(left, size)):
        yield some


def _packed(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "big") + zlib.compress(data, 1)


def _unpacked(packed: object) -> bytes | None:
    """Return an entry, None where it is damaged."""
    if not isinstance(packed, bytes):
        return None
    try:
        data = zlib.decompress(packed[4:])
    except zlib.error:
        return None
    return data if zlib.crc32(data).to_bytes(4, "big") == packed[:4] else None
