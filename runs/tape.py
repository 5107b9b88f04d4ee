"""The journal as the tape of one trajectory."""

from __future__ import annotations

from agent.messages import Reply
from agent.trajectory import Observation
from runs.journal import Journal


class JournalTape:
    """Keeps a trajectory's replies and observations as events `reply` and `observation` of a journal."""

    def __init__(self, journal: Journal, sample: int) -> None:
        self._journal = journal
        self._sample = sample
        self._replies: dict[int, Reply] = {}
        self._observations: dict[tuple[int, int], Observation] = {}
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
