"""Where the loop leaves each reply before acting on it, and finds what an earlier run already paid for."""

from __future__ import annotations

import hashlib
import json
import re
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Protocol

from agent.messages import Attempt, Message, Reply, Sampling, ToolSpec
from agent.trajectory import Observation

OFFERED = 64
"""Lists of tools whose JSON is kept."""


class TapeError(RuntimeError):
    """A record cannot be read or written; no trajectory goes on without it."""


_NOISE = (
    (re.compile(r"0x[0-9a-fA-F]{6,16}\b"), "0x"),
    (re.compile(r"\b\d+(\.\d+)? ?(s|ms|us|µs|ns|secs?|seconds?|min|minutes)\b( \(\d+:\d\d:\d\d\))?"), "0s"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "TIME"),
    (re.compile(r"/(tmp)/[^\s'\":,;)\]}>]+"), r"/\1/NAME"),
    (re.compile(r"\b(pid|PID)([ =:]+)\d+"), r"\1\g<2>0"),
    (re.compile(r"([=\-_])\1{2,}"), r"\1\1\1"),
)
"""What differs between two runs of the same commands; pytest's rulers grow and shrink with the durations."""


def request_key(messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling) -> str:
    """Return what identifies a request: a SHA-256 over its canonical JSON, run-to-run noise taken out.

    Durations, addresses, times of day, process numbers and names below /tmp count as the same.
    """
    told = _canonical([_digest(message) for message in messages])
    # what is left at its default is left out, so that a field added later changes no key
    drawn = _canonical(sampling.model_dump(exclude_defaults=True, exclude={"session", "priority"}))
    request = f'{{"messages":{told},"sampling":{drawn},"tools":{_described(tools)}}}'
    return hashlib.sha256(request.encode("ascii")).hexdigest()


_tools: OrderedDict[tuple[int, ...], tuple[tuple[ToolSpec, ...], str]] = OrderedDict()
"""The canonical JSON of the tools that were offered last, by their identities."""


def _described(tools: Sequence[ToolSpec]) -> str:
    key = tuple(map(id, tools))
    if key not in _tools:
        _tools[key] = tuple(tools), _canonical([tool.model_dump() for tool in tools])
        while len(_tools) > OFFERED:
            _tools.popitem(last=False)
    return _tools[key][1]


_digests: dict[int, tuple[weakref.ref[Message], str]] = {}
"""Digests of messages that live: a conversation asks for each of its messages again every turn."""


def _digest(message: Message) -> str:
    """Return the SHA-256 of a message without noise."""
    number = id(message)
    known = _digests.get(number)
    if known is not None and known[0]() is message:
        return known[1]
    rest = _canonical(message.model_dump(exclude={"content"}))
    digest = hashlib.sha256(_canonical([without_noise(message.content), rest]).encode("ascii")).hexdigest()
    _digests[number] = weakref.ref(message, lambda _: _digests.pop(number, None)), digest
    return digest


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def without_noise(text: str) -> str:
    """Return `text` with all that differs from run to run made equal."""
    for pattern, same in _NOISE:
        text = pattern.sub(same, text)
    return text


class Tape(Protocol):
    """The record of one trajectory, in order of turns.

    A reply is on the tape, durably, before it is acted on. When a run is resumed, the loop takes recorded
    replies instead of asking the model, and performs their actions again to bring the sandbox to the same
    state: the conversation goes on with the recorded observations. Where the requests, what the actions
    return or the files they leave differ from the record, that is recorded too.
    """

    def reply(self, turn: int) -> Reply | None:
        """Return the recorded reply of a turn, None where the recording ends."""

    def request(self, turn: int) -> str:
        """Return the key of what a recorded reply answers, empty where it is not known."""

    def observation(self, turn: int, index: int) -> Observation | None:
        """Return the recorded observation of a turn's action, None where the recording ends."""

    def files(self, turn: int, index: int) -> Mapping[str, str] | None:
        """Return the changed files behind an action, see `keep_files`; None where none are recorded."""

    async def keep_reply(self, turn: int, reply: Reply, request: str) -> None:
        """Record a reply; `request` is the key of what was asked (`agent.tape.request_key`)."""

    async def keep_observation(self, turn: int, index: int, observation: Observation) -> None:
        """Record what an action returned."""

    async def keep_files(self, turn: int, index: int, files: Mapping[str, str]) -> None:
        """Record which files are changed behind an action, with a digest of each change."""

    async def keep_divergence(self, turn: int, text: str) -> None:
        """Record, and tell, how a turn that was replayed differs from its record."""

    def failed(self, turn: int) -> tuple[Attempt, ...]:
        """Return the failed sendings of a turn's calls that gave no reply, or were cut off."""

    async def keep_attempt(self, turn: int, attempt: Attempt, request: str) -> None:
        """Record a sending that failed, before it is known how its call ends."""

    async def keep_failure(self, turn: int, attempts: Sequence[Attempt], message: str, request: str) -> None:
        """Record a call that gave no reply: its sendings, recorded before or not, and what was said last."""


class FailedSendings:
    """The failed sendings of each turn, each once: it is told when it fails, and again with its call."""

    def __init__(self) -> None:
        self._open: dict[int, list[Attempt]] = {}
        self._lost: dict[int, tuple[Attempt, ...]] = {}

    def of(self, turn: int) -> tuple[Attempt, ...]:
        """Return those of calls that gave no reply: that failed in the end, or were cut off."""
        return (*self._lost.get(turn, ()), *self._open.get(turn, ()))

    def take(self, turn: int, attempt: Attempt) -> None:
        """Take one whose call goes on."""
        self._open.setdefault(turn, []).append(attempt)

    def lose(self, turn: int, attempts: Sequence[Attempt]) -> None:
        """Take the sendings of a call that failed in the end."""
        self.answer(turn, attempts)
        self._lost[turn] = (*self._lost.get(turn, ()), *attempts)

    def answer(self, turn: int, attempts: Sequence[Attempt]) -> None:
        """Leave out the sendings of a call that are told by its end."""
        still = self._open.get(turn, [])
        for attempt in attempts:
            if attempt in still:
                still.remove(attempt)


class MemoryTape:
    """A tape that forgets with the process; `divergences` are turns and words."""

    def __init__(self) -> None:
        self._replies: dict[int, Reply] = {}
        self._requests: dict[int, str] = {}
        self._observations: dict[tuple[int, int], Observation] = {}
        self._files: dict[tuple[int, int], Mapping[str, str]] = {}
        self._sendings = FailedSendings()
        self.divergences: list[tuple[int, str]] = []

    def reply(self, turn: int) -> Reply | None:
        """See `Tape.reply`."""
        return self._replies.get(turn)

    def request(self, turn: int) -> str:
        """See `Tape.request`."""
        return self._requests.get(turn, "")

    def observation(self, turn: int, index: int) -> Observation | None:
        """See `Tape.observation`."""
        return self._observations.get((turn, index))

    def files(self, turn: int, index: int) -> Mapping[str, str] | None:
        """See `Tape.files`."""
        return self._files.get((turn, index))

    async def keep_reply(self, turn: int, reply: Reply, request: str) -> None:
        """See `Tape.keep_reply`."""
        self._replies[turn], self._requests[turn] = reply, request
        self._sendings.answer(turn, reply.attempts)

    async def keep_observation(self, turn: int, index: int, observation: Observation) -> None:
        """See `Tape.keep_observation`."""
        self._observations[turn, index] = observation

    async def keep_files(self, turn: int, index: int, files: Mapping[str, str]) -> None:
        """See `Tape.keep_files`."""
        self._files[turn, index] = files

    async def keep_divergence(self, turn: int, text: str) -> None:
        """See `Tape.keep_divergence`."""
        self.divergences.append((turn, text))

    def failed(self, turn: int) -> tuple[Attempt, ...]:
        """See `Tape.failed`."""
        return self._sendings.of(turn)

    async def keep_attempt(self, turn: int, attempt: Attempt, request: str) -> None:
        """See `Tape.keep_attempt`."""
        self._sendings.take(turn, attempt)

    async def keep_failure(self, turn: int, attempts: Sequence[Attempt], message: str, request: str) -> None:
        """See `Tape.keep_failure`."""
        self._sendings.lose(turn, attempts)
