"""An issue's folder on its way between the batch's folder and a node's own.

A journal only grows, so of it what came since the last look is sent, in whole lines; of other files those
that changed.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runs.batch.outcome import FILE as OUTCOME
from runs.journal import Journal, JournalError
from runs.ledger import LOST, Ledger
from runs.purse import Spending
from runs.recipe import Allowance

_JOURNAL = "journal.jsonl"
_UNFINISHED = ".part-"
"""Files that are being written have names that begin so."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A file from an offset to its end; `name` is relative to the issue's folder."""

    name: str
    offset: int
    data: bytes


class Changes:
    """What of an issue's folder is new since the last look; at the first, all of it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._recorded = 0
        self._seen: dict[str, tuple[int, int]] = {}

    def take(self) -> list[Piece]:
        """Return what is new, in the order in which it must be written.

        The journal refers to blobs, and an outcome says that its journal is complete: they are read in the
        opposite order, so that what is written never refers to something that is still to come.

        Raises:
            OSError: a file cannot be read.
        """
        found = [*self._changed([self._place / OUTCOME]), *self._growth()]
        others = (one for one in self._place.rglob("*") if one.name not in {OUTCOME, _JOURNAL})
        found += self._changed(sorted(others, reverse=True))
        return found[::-1]

    def _growth(self) -> Iterable[Piece]:
        path = self._place / _JOURNAL
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._recorded)
            data = file.read()
        if data := data[: data.rfind(b"\n") + 1]:
            yield Piece(_JOURNAL, self._recorded, data)
            self._recorded += len(data)

    def _changed(self, paths: Iterable[Path]) -> Iterable[Piece]:
        for path in paths:
            if path.name.startswith(_UNFINISHED) or not path.is_file():
                continue
            with suppress(FileNotFoundError):
                stat, name = path.stat(), str(path.relative_to(self._place))
                if self._seen.get(name) != (stat.st_size, stat.st_mtime_ns):
                    yield Piece(name, 0, path.read_bytes())
                    self._seen[name] = stat.st_size, stat.st_mtime_ns


@contextmanager
def held(place: Path) -> Iterator[None]:
    """Keep other processes from writing an issue's journal for a block, in which it grows by pieces.

    Raises:
        JournalError: one does.
    """
    place.mkdir(parents=True, exist_ok=True)
    with (place / _JOURNAL).open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JournalError(f"{place} is in use by another run; wait for it") from error
        yield


def write_pieces(place: Path, pieces: Iterable[Piece]) -> None:
    """Write into an issue's folder what came from another, on disk when it returns.

    Raises:
        OSError: a file cannot be written.
    """
    for piece in pieces:
        target = place / piece.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if piece.name == _JOURNAL:
            _write_on(target, piece)
            continue
        part = target.with_name(f"{_UNFINISHED}{target.name}")
        with part.open("wb") as file:
            file.write(piece.data)
            file.flush()
            os.fsync(file.fileno())  # a line of the journal may refer to it
        part.replace(target)


def _write_on(journal: Path, piece: Piece) -> None:
    """Write a journal from an offset on, in place of whatever stood there."""
    with journal.open("ab") as file:
        os.ftruncate(file.fileno(), piece.offset)
        file.write(piece.data)
        file.flush()
        os.fsync(file.fileno())


async def charge_lost(journal: Journal, told: Spending) -> None:
    """Record what was spent where a node was lost, beyond what of its journal came back.

    Args:
        journal: the issue's, as far as it came back.
        told: what the issue had spent, as the node told it.

    Raises:
        JournalError: it cannot be written.
    """
    kept = Ledger(journal, Allowance()).spent
    lost = Spending(
        dollars=max(0.0, told.dollars - kept.dollars),
        unpriced=max(0, told.unpriced - kept.unpriced),
        input=max(0, told.input - kept.input),
        output=max(0, told.output - kept.output),
        seconds=max(0.0, told.seconds - kept.seconds),
        steps=max(0, told.steps - kept.steps),
    )
    if lost != Spending():
        await journal.append(LOST, {"spent": lost.model_dump()})
