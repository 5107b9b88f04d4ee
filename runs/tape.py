"""The journal as the tape of one trajectory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agent.messages import Attempt, Reply
from agent.tape import FailedSendings
from agent.trajectory import Observation
from runs.journal import Journal

_KINDS = ("reply", "observation", "files", "divergence", "attempt", "failure")


class JournalTape:
    """Keeps a trajectory's replies, observations and failures as events of a journal.

    Their kinds are `reply`, `observation`, `files` (changed behind an action, where they changed), `attempt`
    (one sending that failed) and `failure` (a whole call); `divergence` is what a replay found otherwise.

    Args:
        journal: the issue's.
        sample: the trajectory's number.
        tell: is told of divergences, a line each; what is said in the same words of a later turn is not told.
    """

    def __init__(
        self, journal: Journal, sample: int, tell: Callable[[str], None] = lambda line: None
    ) -> None:
        self._journal = journal
        self._sample = sample
        self._tell = tell
        self._told: set[str] = set()
        self._replies: dict[int, Reply] = {}
        self._requests: dict[int, str] = {}
        self._observations: dict[tuple[int, int], Observation] = {}
        self._files: dict[tuple[int, int], Mapping[str, str]] = {}
        self._divergences: set[tuple[int, str]] = set()
        self._sendings = FailedSendings()
        for event in journal.events:
            if event.kind in _KINDS and event.data["sample"] == sample:
                self._take(event.kind, event.data)

    def _take(self, kind: str, data: Mapping[str, Any]) -> None:
        """Take in what an earlier run has recorded."""
        turn = data["turn"]
        if kind == "reply":
            self._replies[turn] = Reply.model_validate(data["reply"])
            self._requests[turn] = data.get("request", "")
            self._sendings.answer(turn, self._replies[turn].attempts)
        elif kind == "observation":
            self._observations[turn, data["index"]] = Observation.model_validate(data["observation"])
        elif kind == "files":
            self._files[turn, data["index"]] = data["files"]
        elif kind == "divergence":
            self._divergences.add((turn, data["text"]))
        elif kind == "attempt":
            self._sendings.take(turn, Attempt.model_validate(data["attempt"]))
        else:
            self._sendings.lose(turn, [Attempt.model_validate(one) for one in data["attempts"]])

    def reply(self, turn: int) -> Reply | None:
        """See `agent.tape.Tape.reply`."""
        return self._replies.get(turn)

    def request(self, turn: int) -> str:
        """See `agent.tape.Tape.request`."""
        return self._requests.get(turn, "")

    def observation(self, turn: int, index: int) -> Observation | None:
        """See `agent.tape.Tape.observation`."""
        return self._observations.get((turn, index))

    def files(self, turn: int, index: int) -> Mapping[str, str] | None:
        """See `agent.tape.Tape.files`."""
        return self._files.get((turn, index))

    async def keep_reply(self, turn: int, reply: Reply, request: str) -> None:
        """See `agent.tape.Tape.keep_reply`."""
        data = {
            "sample": self._sample,
            "turn": turn,
            "request": request,
            "reply": reply.model_dump(mode="json"),
        }
        await self._journal.append("reply", data)
        self._replies[turn], self._requests[turn] = reply, request
        self._sendings.answer(turn, reply.attempts)

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

    async def keep_files(self, turn: int, index: int, files: Mapping[str, str]) -> None:
        """See `agent.tape.Tape.keep_files`."""
        data = {"sample": self._sample, "turn": turn, "index": index, "files": dict(files)}
        await self._journal.append("files", data)
        self._files[turn, index] = files

    async def keep_divergence(self, turn: int, text: str) -> None:
        """See `agent.tape.Tape.keep_divergence`; what is on record already is not recorded again."""
        if text not in self._told:
            self._told.add(text)
            self._tell(f"sample {self._sample} is not replayed as it was recorded: turn {turn}: {text}")
        if (turn, text) not in self._divergences:
            self._divergences.add((turn, text))
            await self._journal.append("divergence", {"sample": self._sample, "turn": turn, "text": text})

    def failed(self, turn: int) -> tuple[Attempt, ...]:
        """See `agent.tape.Tape.failed`."""
        return self._sendings.of(turn)

    async def keep_attempt(self, turn: int, attempt: Attempt, request: str) -> None:
        """See `agent.tape.Tape.keep_attempt`."""
        data = {
            "sample": self._sample,
            "turn": turn,
            "request": request,
            "attempt": attempt.model_dump(mode="json"),
        }
        self._sendings.take(turn, attempt)  # first: a cancelled call is charged at once
        await self._journal.append("attempt", data)

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
        self._sendings.lose(turn, attempts)
