"""Large texts beside a journal: content-addressed, compressed, written once."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from pathlib import Path

_HALVES = b"surrogatepass\0"
"""Goes before what is digested of a text with halves of characters that stand for no bytes."""


class Blobs:
    """A folder of compressed texts, each named by the SHA-256 of its bytes.

    Any text can be kept. Bytes that are no text come as halves of characters and are stored as they were
    (`surrogateescape`). Other halves are stored as three bytes (`surrogatepass`), and the name says so: it is
    that of the bytes behind a mark, as the same bytes can be either.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, text: str) -> str:
        """Store a text durably and return its digest; a text already there is not written again.

        Raises:
            OSError: it cannot be written.
        """
        try:
            data = text.encode("utf-8", "surrogateescape")
            digest = hashlib.sha256(data).hexdigest()
        except UnicodeEncodeError:
            data = text.encode("utf-8", "surrogatepass")
            digest = hashlib.sha256(_HALVES + data).hexdigest()
        path = self._path(digest)
        if path.exists():
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(gzip.compress(data, compresslevel=6, mtime=0))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
        return digest

    def get(self, digest: str) -> str:
        """Return a stored text.

        Raises:
            OSError: it is not there, or damaged.
        """
        data = gzip.decompress(self._path(digest).read_bytes())
        if hashlib.sha256(data).hexdigest() == digest:
            return data.decode("utf-8", "surrogateescape")
        if hashlib.sha256(_HALVES + data).hexdigest() == digest:
            return data.decode("utf-8", "surrogatepass")
        raise OSError(f"blob {digest[:12]} is damaged: its content does not match its name")

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / f"{digest}.gz"
