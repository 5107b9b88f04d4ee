"""A command's output, bounded while it is produced."""

from __future__ import annotations


class Output:
    """Keeps the first and the last bytes of a stream and counts those between.

    Never holds more than one and a half times `limit`, and one piece.
    """

    def __init__(self, limit: int) -> None:
        self._head_size = limit // 2
        self._tail_size = limit - self._head_size
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def feed(self, piece: bytes) -> None:
        """Take the next piece of the stream."""
        room = self._head_size - len(self._head)
        if room > 0:
            self._head += piece[:room]
            piece = piece[room:]
        self._tail += piece
        if len(self._tail) > 2 * self._tail_size:
            self._trim()

    def take(self) -> tuple[bytes, int]:
        """Return what was kept, head and tail joined, and the number of bytes dropped between them."""
        self._trim()
        return bytes(self._head + self._tail), self._dropped

    def _trim(self) -> None:
        excess = len(self._tail) - self._tail_size
        if excess > 0:
            del self._tail[:excess]
            self._dropped += excess
