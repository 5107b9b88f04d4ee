"""`replay/FILE`: the replies of a recorded run, as long as the run goes the same way again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.messages import Message, Reply, Sampling, ToolSpec
from agent.models.base import Capabilities
from agent.models.errors import ModelUnavailableError, ReplayDivergedError
from agent.tape import request_key, without_noise

READINGS = frozenset({"context_reply", "selection_reply"})
"""Kinds of events that hold replies of models which read for all trajectories; `request` ends in its key."""


@dataclass(slots=True)
class _Recording:
    """What a journal says of one sample, by turn; observations by turn and place."""

    replies: dict[int, tuple[str, Reply]] = field(default_factory=dict)
    """Key of the request and reply."""
    observations: dict[tuple[int, int], str] = field(default_factory=dict)


class ReplayModel:
    """Plays a journal's replies by sample and turn, and stops at the first request that differs.

    Requests are compared by `agent.tape.request_key`, so durations and temporary names may differ.
    """

    def __init__(self, path: Path) -> None:
        self._path = path / "journal.jsonl" if path.is_dir() else path
        self.name = f"replay/{path}"
        self._samples, self._readings = _read(self._path)
        replies = [reply for sample in self._samples.values() for _, reply in sample.replies.values()]
        self.capabilities = Capabilities(tools=any(reply.tool_calls for reply in replies))

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Return the recorded reply.

        Raises:
            ReplayDivergedError: another request was recorded for this turn, or none.
        """
        asked = request_key(messages, tools, sampling)
        if asked in self._readings:
            return self._readings[asked]
        recording = self._samples.get(sampling.sample)
        turn = _turn(messages, recording)
        where = f"{self._path}: sample {sampling.sample}, turn {turn}"
        if recording is None:
            known = ", ".join(str(sample) for sample in sorted(self._samples))
            raise ReplayDivergedError(f"{where} was not recorded; the samples in it are {known}")
        if same := [reply for key, reply in recording.replies.values() if key == asked]:
            return same[0]
        if turn not in recording.replies:
            raise ReplayDivergedError(
                f"{where} was not recorded; the recording has {len(recording.replies)} turns"
            )
        difference = _first_difference(messages, recording, turn)
        raise ReplayDivergedError(f"{where} differs from what was recorded: {difference}")


def _read(path: Path) -> tuple[dict[int, _Recording], dict[str, Reply]]:
    """Return the recordings by sample, and the replies of models that read for all, by the request's key.

    Raises:
        ModelUnavailableError: the file cannot be read, or holds no reply.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ModelUnavailableError(f"cannot read the journal {path}: {error.strerror}") from error
    samples: dict[int, _Recording] = {}
    readings: dict[str, Reply] = {}
    for number, line in enumerate(lines, 1):
        try:
            event = json.loads(line)
            _take(event.get("kind"), event.get("data"), samples, readings)
        except (ValueError, AttributeError, KeyError, TypeError) as error:
            if number == len(lines):
                break  # a torn last line: the run was killed while writing it
            what = "no reply as expected" if isinstance(error, ValidationError) else "no event of a journal"
            raise ModelUnavailableError(
                f"{path}, line {number}: {what}; is this a run's journal.jsonl?"
            ) from error
    if not readings and not any(sample.replies for sample in samples.values()):
        raise ModelUnavailableError(f"{path} holds no replies to play")
    return samples, readings


def _take(kind: object, data: Any, samples: dict[int, _Recording], readings: dict[str, Reply]) -> None:
    if kind == "reply":
        sample = samples.setdefault(data["sample"], _Recording())
        sample.replies[data["turn"]] = data["request"], Reply.model_validate(data["reply"])
    elif kind in READINGS:
        readings[str(data["request"]).rpartition(" ")[2]] = Reply.model_validate(data["reply"])
    elif kind == "observation":
        text = data["observation"]["text"]
        if isinstance(text, str):  # a very long one lies in a blob and is not compared
            samples.setdefault(data["sample"], _Recording()).observations[data["turn"], data["index"]] = text


def _turn(messages: Sequence[Message], recording: _Recording | None) -> int:
    """Return which turn a conversation asks for; a later phase begins a conversation of its own."""
    said = [message for message in messages if message.role == "assistant"]
    replies = recording.replies if recording is not None and said else {}
    starts = (
        start
        for start in sorted(replies)
        if all(
            start + step in replies and _is(message, replies[start + step][1])
            for step, message in enumerate(said)
        )
    )
    return next(starts, 0) + len(said)


def _is(message: Message, reply: Reply) -> bool:
    return message.content == reply.text and message.tool_calls in ((), reply.tool_calls)


def _first_difference(messages: Sequence[Message], recording: _Recording, asked: int) -> str:
    """Say which message is the first that the recording does not account for."""
    turn, index = asked - sum(message.role == "assistant" for message in messages) - 1, 0
    first = turn
    for place, message in enumerate(messages):
        if message.role == "assistant":
            turn, index = turn + 1, 0
            recorded = recording.replies.get(turn)
            if recorded is None or message.content != recorded[1].text:
                return f"message {place} (assistant) is not the reply of turn {turn}"
        elif message.role == "tool" or (message.role == "user" and turn > first):
            expected = recording.observations.get((turn, index))
            if expected is not None and without_noise(expected) not in without_noise(message.content):
                what = f"message {place} ({message.role}), what action {index} of turn {turn} returned"
                return f"{what}: {_excerpt(message)}"
            index += 1
    if turn == first:
        return "message 0 or 1, the instructions and the issue, or the tools or the sampling"
    last = messages[-1]
    return f"message {len(messages) - 1} ({last.role}), the last before turn {turn + 1}: {_excerpt(last)}"


def _excerpt(message: Message) -> str:
    text = " ".join(message.content.split())
    return repr(text if len(text) <= 120 else text[:120] + "...")
