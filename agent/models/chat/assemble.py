"""The parts of a streamed reply, put together; a reply that came whole is one part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from agent.arguments import MALFORMED
from agent.messages import Reply, Sampling, ToolCall, Usage
from agent.models.chat.labels import label_logprobs
from agent.models.chat.logprobs import alternatives, prompt_alternatives
from agent.models.chat.usage import read_usage
from agent.models.errors import BadReplyError

Part = Mapping[str, Any]

_CUT_SHORT = ("error", "abort")
_KEPT = ("id", "system_fingerprint", "service_tier", "provider", "timings")
_TORN = 300


class Assembly:
    """Takes the parts of one reply in order, and gives the reply once the last is there.

    `pieces` counts what the model wrote so far, one for each sample in a part; most servers send a token in
    each.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._choices: dict[int, _Choice] = {}
        self._usage: object = None
        self._model = ""
        self._prompt_logprobs: object = None
        self._kept: dict[str, Any] = {}
        self.pieces = 0

    def add(self, part: object) -> bool:
        """Take a part; return whether it holds something that the model wrote.

        Raises:
            BadReplyError: it is no part of a chat completion.
        """
        if not isinstance(part, dict):
            raise BadReplyError(f"{self._name} sent something that is no part of a chat completion")
        self._model = str(part.get("model") or self._model)
        self._usage = part.get("usage") or self._usage
        self._prompt_logprobs = part.get("prompt_logprobs") or self._prompt_logprobs
        self._kept.update({key: part[key] for key in _KEPT if part.get(key) is not None})
        choices = part.get("choices") or ()
        if not isinstance(choices, list | tuple) or not all(isinstance(choice, dict) for choice in choices):
            raise BadReplyError(f"{self._name} sent choices that are none")
        written = [self._choice(choice, place).add(choice) for place, choice in enumerate(choices)]
        self.pieces += sum(written)
        return any(written)

    def _choice(self, choice: Part, place: int) -> _Choice:
        index = choice.get("index")
        return self._choices.setdefault(index if isinstance(index, int) else place, _Choice())

    def reply(
        self,
        sampling: Sampling,
        *,
        usage: Usage | None = None,
        cost: float | None = None,
        seconds: float = 0.0,
        first_token: float | None = None,
    ) -> Reply:
        """Return the reply.

        Args:
            sampling: says which log-probabilities were wanted.
            usage: tokens of the call; None for what the server tells.
            cost: dollars of the call.
            seconds: wall time of the call.
            first_token: wall time before the first token.

        Raises:
            BadReplyError: there is no choice, or one has no end.
        """
        if not self._choices:
            raise BadReplyError(f"{self._name} sent no choice")
        for choice in self._choices.values():
            if choice.finish is None:
                raise BadReplyError(f"{self._name}: the reply has no end")
            if choice.finish in _CUT_SHORT:
                raise BadReplyError(f"{self._name}: the server broke the reply off ({choice.finish})")
        timed = {"model": self._model, "seconds": seconds, "first_token": first_token}
        first, *others = (
            choice.reply(sampling, timed) for _, choice in sorted(self._choices.items(), key=_index)
        )
        return first.model_copy(
            update={
                "usage": usage or read_usage(self._usage),
                "cost": cost,
                "prompt_logprobs": prompt_alternatives(self._prompt_logprobs),
                "others": tuple(others),
                "raw": self._raw(),
            }
        )

    @property
    def written(self) -> str:
        """All that the model wrote so far, of every sample."""
        return "".join(choice.written for choice in self._choices.values())

    @property
    def usage(self) -> object:
        """The usage as the server tells it, None before it does."""
        return self._usage

    def _raw(self) -> dict[str, Any]:
        finished = [choice.finish for _, choice in sorted(self._choices.items(), key=_index)]
        return {**self._kept, "usage": self._usage, "finish_reasons": finished}


def _index(item: tuple[int, _Choice]) -> int:
    return item[0]


class _Choice:
    """One of the samples of a reply while it comes."""

    def __init__(self) -> None:
        self.finish: str | None = None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[_Call] = []
        self._logprobs: list[dict[str, float]] = []
        self._text_begins = 0

    def add(self, choice: Part) -> bool:
        """Take this sample's share of a part; return whether the model wrote anything in it."""
        said = choice.get("delta") or choice.get("message") or {}
        if not isinstance(said, dict):
            raise BadReplyError("a choice of the reply holds no message")
        text, reasoning = _content(said)
        calls = said.get("tool_calls") or ()
        if text and not self._text:
            self._text_begins = len(self._logprobs)
        self._logprobs.extend(alternatives(choice.get("logprobs")))
        if text:
            self._text.append(text)
        if reasoning:
            self._reasoning.append(reasoning)
        for call in calls if isinstance(calls, list) else ():
            self._add_call(call)
        if choice.get("finish_reason"):
            self.finish = str(choice["finish_reason"])
        return bool(text or reasoning or calls)

    def _add_call(self, part: Any) -> None:
        if not isinstance(part, dict):
            raise BadReplyError("a tool call of the reply is no object")
        call = self._call_of(part)
        function = part.get("function") or {}
        if isinstance(function, dict):
            call.add(function.get("name"), function.get("arguments"))

    def _call_of(self, part: Part) -> _Call:
        """Return the call that a part belongs to; servers without indices, or with one for all, give ids."""
        index, identity = part.get("index"), part.get("id") or ""
        for call in reversed(self._calls):
            if index is not None and call.index != index:
                continue
            if not identity or not call.id or call.id == identity:
                call.id = call.id or identity
                return call
            break
        self._calls.append(_Call(index, str(identity)))
        return self._calls[-1]

    @property
    def written(self) -> str:
        """All that the model wrote so far."""
        return "".join([*self._reasoning, *self._text, *(call.written for call in self._calls)])

    def reply(self, sampling: Sampling, timed: Mapping[str, Any]) -> Reply:
        """Return this sample as a reply of its own, without usage."""
        calls = tuple(call.whole(place) for place, call in enumerate(self._calls))
        return Reply(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=_distinct(calls),
            finish_reason=_finish(self.finish, bool(calls)),
            logprobs=self._told(sampling),
            labels=label_logprobs(sampling.labels, self._logprobs[self._text_begins :]),
            **timed,
        )

    def _told(self, sampling: Sampling) -> tuple[dict[str, float], ...]:
        """Return the alternatives that were asked for, those of the text where labels were."""
        if sampling.logprobs:
            return tuple(self._logprobs)
        return tuple(self._logprobs[self._text_begins :]) if sampling.labels else ()


class _Call:
    """One tool call while it comes."""

    def __init__(self, index: object, identity: str) -> None:
        self.index = index
        self.id = identity
        self._name = ""
        self._pieces: list[str] = []
        self._object: dict[str, Any] | None = None

    def add(self, name: object, arguments: object) -> None:
        if isinstance(name, str) and name != self._name:  # some repeat the whole name in each part
            self._name += name
        if isinstance(arguments, dict):
            self._object = arguments
        elif isinstance(arguments, str):
            self._pieces.append(arguments)

    @property
    def written(self) -> str:
        """Its name and arguments so far."""
        arguments = "".join(self._pieces) if self._object is None else json.dumps(self._object)
        return self._name + arguments

    def whole(self, place: int) -> ToolCall:
        arguments = self._object if self._object is not None else read_arguments("".join(self._pieces))
        return ToolCall(id=self.id or f"call-{place}", name=self._name, arguments=arguments)


def read_arguments(raw: str) -> dict[str, Any]:
    """Return a call's arguments; what is no JSON object becomes a problem for the loop to answer."""
    try:
        arguments = json.loads(raw or "{}", strict=False)
    except (ValueError, RecursionError) as error:
        place = getattr(error, "pos", 0)
        around = raw[max(0, place - 60) : place + 60]
        return {MALFORMED: f"The arguments are no valid JSON: {error}, near {around!r}"}
    if isinstance(arguments, dict):
        return arguments
    kind = type(arguments).__name__
    return {MALFORMED: f"The arguments are not a JSON object but {kind}: {raw[:_TORN]}"}


def _content(said: Part) -> tuple[str, str]:
    """Return text and reasoning of a part; some servers send content as a list of pieces."""
    content = said.get("content")
    reasoning = said.get("reasoning_content") or said.get("reasoning")
    if isinstance(content, list):
        pieces = [piece for piece in content if isinstance(piece, dict)]
        content = "".join(str(piece.get("text") or "") for piece in pieces)
    return content if isinstance(content, str) else "", reasoning if isinstance(reasoning, str) else ""


def _distinct(calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    """Return the calls with an id each, for the results are told apart by it."""
    if len({call.id for call in calls}) == len(calls):
        return calls
    return tuple(call.model_copy(update={"id": f"{call.id}-{n}"}) for n, call in enumerate(calls))


def _finish(reason: str | None, calls: bool) -> Literal["stop", "tool_calls", "length", "content_filter"]:
    if reason in ("length", "max_tokens"):
        return "length"
    if reason == "content_filter":
        return "content_filter"
    return "tool_calls" if calls else "stop"
