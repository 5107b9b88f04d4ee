"""The journal as the tape of one trajectory."""

from __future__ import annotations

from collections.abc import Sequence

from agent.messages import Attempt, Reply
from agent.trajectory import Observation
from runs.journal import Journal


class JournalTape:
    """Keeps a trajectory's replies, observations and failed calls as events of a journal.

    Their kinds are `reply`, `observation` and `failure`.
    """

    def __init__(self, journal: Journal, sample: int) -> None:
        self._journal = journal
        self._sample = sample
        self._replies: dict[int, Reply] = {}
        self._observations: dict[tuple[int, int], Observation] = {}
        self._failed: dict[int, tuple[Attempt, ...]] = {}
        for event in journal.of("failure", sample=sample):
            attempts = (Attempt.model_validate(one) for one in event.data["attempts"])
            self._failed[event.data["turn"]] = (*self.failed(event.data["turn"]), *attempts)
        for event in journal.of("reply", sample=sample):
            self._replies[event.data["turn"]] = Reply.model_validate(event.data["reply"])
        for event in journal.of("observation", sample=sample):
            key = event.data["turn"], event.data["index"]
            self._observations[key] = Observation.model_validate(event.data["observation"])

    def reply(self, turn: int) -> Reply | None:
        """See `agent.tape.Tape.reply`."""
        return self._replies.get(turn)

    def observation(self, turn: int, index: int) -> Observation | None:
        """See `agent.tape.Tape.observation`."""
        return self._observations.get((turn, index))

    async def keep_reply(self, turn: int, reply: Reply, request: str) -> None:
        """See `agent.tape.Tape.keep_reply`."""
        data = {
            "sample": self._sample,
            "turn": turn,
            "request": request,
            "reply": reply.model_dump(mode="json"),
        }
        await self._journal.append("reply", data)
        self._replies[turn] = reply

    async def keep_observation(self, turn: int, index: int, observation: Observation) -> None:
        """See `agent.tape.Tape.keep_observation`."""
        data = {
            "sample": self._sample,
            "turn": turn,
            "index": index,
            "observation": observation.model_dump(mode="json"),
        }
        await self._journal.append("observation", data)
        self._observations[turn, index] = observation

    def failed(self, turn: int) -> tuple[Attempt, ...]:
        """See `agent.tape.Tape.failed`."""
        return self._failed.get(turn, ())

    async def keep_failure(self, turn: int, attempts: Sequence[Attempt], message: str, request: str) -> None:
        """See `agent.tape.Tape.keep_failure`."""
        data = {
            "sample": self._sample,
            "turn": turn,
            "request": request,
            "attempts": [attempt.model_dump(mode="json") for attempt in attempts],
            "message": message,
        }
        await self._journal.append("failure", data)
        self._failed[turn] = (*self.failed(turn), *attempts)
