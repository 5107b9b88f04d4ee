"""Where the loop leaves each reply before acting on it, and finds what an earlier run already paid for."""

from __future__ import annotations

from typing import Protocol

from agent.messages import Reply
from agent.trajectory import Observation


class Tape(Protocol):
    """The record of one trajectory, in order of turns.

    A reply is on the tape, durably, before it is acted on. When a run is resumed, the loop takes recorded
    replies instead of asking the model, and performs their actions again only to bring the sandbox to
    the same state: the conversation goes on with the recorded observations.
    """

    def reply(self, turn: int) -> Reply | None:
        """Return the recorded reply of a turn, None where the recording ends."""

    def observation(self, turn: int, index: int) -> Observation | None:
        """Return the recorded observation of a turn's action, None where the recording ends."""

    async def keep_reply(self, turn: int, reply: Reply, request: str) -> None:
        """Record a reply; `request` is the key of what was asked (`agent.tape.request_key`)."""

    async def keep_observation(self, turn: int, index: int, observation: Observation) -> None:
        """Record what an action returned."""


class MemoryTape:
    """A tape that forgets with the process."""

    def __init__(self) -> None:
        self._replies: dict[int, Reply] = {}
        self._observations: dict[tuple[int, int], Observation] = {}

    def reply(self, turn: int) -> Reply | None:
        """See `Tape.reply`."""
        return self._replies.get(turn)

    def observation(self, turn: int, index: int) -> Observation | None:
        """See `Tape.observation`."""
        return self._observations.get((turn, index))

    async def keep_reply(self, turn: int, reply: Reply, request: str) -> None:
        """See `Tape.keep_reply`."""
        self._replies[turn] = reply

    async def keep_observation(self, turn: int, index: int, observation: Observation) -> None:
        """See `Tape.keep_observation`."""
        self._observations[turn, index] = observation
