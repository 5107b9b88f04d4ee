"""A trajectory held against its tape while it is replayed; what differs is left on the tape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.agreement import Divergence, compare_files, files_of
from agent.messages import Message, Sampling, ToolCall, ToolSpec
from agent.tape import Tape, request_key
from sandbox.base import SandboxError

OTHER_REQUEST = (
    "what the model would be asked is not what it was asked: the code, a prompt or a setting differs"
)


class DivergedError(SandboxError):
    """A recorded change cannot be made again, so the room is not the one that the model knows."""


class Replay:
    """Compares what is done again with what was recorded, turn by turn."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._files: Mapping[str, str] = {}
        self._asked_otherwise = False

    async def ask(
        self, turn: int, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> None:
        """Compare the request of a recorded reply; later ones hold the first that differs, and differ too.

        Raises:
            TapeError: the difference cannot be recorded.
        """
        recorded = self._tape.request(turn)
        if self._asked_otherwise or not recorded:
            return
        if request_key(messages, tools, sampling) != recorded:
            self._asked_otherwise = True
            await self._tape.keep_divergence(turn, OTHER_REQUEST)

    async def take(self, turn: int, found: Divergence | None) -> None:
        """Take in how a call that was performed again differs.

        Raises:
            DivergedError: the room lacks a change, or has one that there was not.
            TapeError: the difference cannot be recorded.
        """
        if found is None:
            return
        await self._tape.keep_divergence(turn, found.text)
        if found.breaks:
            raise DivergedError(f"turn {turn} cannot be replayed: {found.text}; begin anew in another folder")

    def left_files(self, turn: int, index: int) -> bool:
        """Whether it is on record which files were changed behind an action."""
        return self._tape.files(turn, index) is not None

    async def compare_files(self, turn: int, index: int, call: ToolCall, diff: str) -> None:
        """Compare the changed files behind an action with its record, where it has one.

        Raises:
            TapeError: the difference cannot be recorded.
        """
        recorded = self._tape.files(turn, index)
        if recorded is not None:
            self._files = recorded
            await self.take(turn, compare_files(call, recorded, files_of(diff)))

    async def keep_files(self, turn: int, index: int, _call: ToolCall, diff: str) -> None:
        """Record the changed files behind an action, where they are others than before.

        Raises:
            TapeError: they cannot be recorded.
        """
        files = files_of(diff)
        if files != self._files:
            self._files = files
            await self._tape.keep_files(turn, index, files)
