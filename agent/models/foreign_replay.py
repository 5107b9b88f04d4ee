"""`replay/FILE` where the file is another agent's: its replies, with the actions as calls of our tools."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from agent.foreign.reading import TrajectoryFileError, read_with_opening
from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities
from agent.models.errors import ModelUnavailableError, ReplayDivergedError
from agent.trajectory import Turn

_ISSUE = re.compile(r"^<issue>\n(.*?)^</issue>", re.DOTALL | re.MULTILINE)
_OUR_CODE = re.compile(r"^\[exit code (-?\d+)\]$", re.MULTILINE)
_THEIR_CODE = re.compile(r"\A\s*<returncode>(-?\d+)</returncode>")


class ForeignReplayModel:
    """Plays what mini-swe-agent or SWE-agent recorded, as sample 0.

    Other agents show a command's output in other words and cut it elsewhere, so the texts of observations are
    not compared. What is: the issue is the recorded one, where the file holds it; the assistant's messages
    are the recorded replies, in order; and a command ended with the recorded exit code, where both say it
    (mini-swe-agent does). The first difference stops the replay. An action of which none of our tools means
    the same (SWE-agent's open file and its window) is played as text and calls nothing.
    """

    capabilities = Capabilities(tools=True)

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            ModelUnavailableError: it is no trajectory, or holds no reply.
        """
        self.name = f"replay/{path}"
        self._path = path
        try:
            trajectory, self._opening = read_with_opening(path)
        except TrajectoryFileError as error:
            raise ModelUnavailableError(str(error)) from error
        self._turns = trajectory.turns
        self._model = trajectory.model or path.name
        if not self._turns:
            raise ModelUnavailableError(f"{path} holds no replies to play")

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Return the recorded reply.

        Raises:
            ReplayDivergedError: the conversation went another way, or goes on behind the recording's end.
        """
        turn = sum(message.role == "assistant" for message in messages)
        where = f"{self._path}: turn {turn}"
        if sampling.sample != 0:
            raise ReplayDivergedError(
                f"{self._path}: sample {sampling.sample} was not recorded, only sample 0"
            )
        if difference := self._difference(messages):
            raise ReplayDivergedError(f"{where} differs from what was recorded: {difference}")
        if turn >= len(self._turns):
            raise ReplayDivergedError(f"{where} was not recorded; the recording has {len(self._turns)} turns")
        reply = self._turns[turn].reply
        return reply if reply.model else reply.model_copy(update={"model": self._model})

    def _difference(self, messages: Sequence[Message]) -> str:
        """Say what is the first thing that the recording does not account for."""
        opening = next((message.content for message in messages if message.role == "user"), "")
        issue = _ISSUE.search(opening)
        if issue and self._opening and _words(issue[1]) not in _words(self._opening):
            return "the issue is another one"
        said: Turn | None = None
        turns = iter(self._turns)
        for place, message in enumerate(messages):
            if message.role == "assistant":
                said = next(turns, None)
                if said is None or message.content != said.reply.text:
                    return f"message {place} (assistant) is not the recorded reply"
            elif message.role == "tool" and said is not None:
                codes = _codes(said, message)
                if codes and codes[0] != codes[1]:
                    return f"message {place} (tool): exit code {codes[0]}, recorded was {codes[1]}"
        return ""


def _codes(said: Turn, message: Message) -> tuple[int, int] | None:
    """Return a command's exit code here and in the recording, None where one does not say it."""
    recorded = {seen.call_id: seen.text for seen in said.observations}.get(message.tool_call_id or "", "")
    ours, theirs = _OUR_CODE.findall(message.content), _THEIR_CODE.match(recorded)
    return (int(ours[-1]), int(theirs[1])) if ours and theirs else None


def _words(text: str) -> str:
    return " ".join(text.split())
