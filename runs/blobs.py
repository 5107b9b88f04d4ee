"""Large texts beside a journal: content-addressed, compressed, written once."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from pathlib import Path


class Blobs:
    """A folder of compressed texts, each named by the SHA-256 of its bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, text: str) -> str:
        """Store a text durably and return its digest; a text already there is not written again.

        Raises:
            OSError: it cannot be written.
        """
        data = text.encode("utf-8", "surrogateescape")
        digest = hashlib.sha256(data).hexdigest()
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
        if hashlib.sha256(data).hexdigest() != digest:
            raise OSError(f"blob {digest[:12]} is damaged: its content does not match its name")
        return data.decode("utf-8", "surrogateescape")

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / f"{digest}.gz"
