"""What goes to a model and what comes back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Value(BaseModel):
    """A frozen record that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ToolSpec(Value):
    """A tool a model may call; `parameters` is a JSON schema of an object."""

    name: str
    description: str
    parameters: dict[str, JsonValue]


class ToolCall(Value):
    """One call of a tool, with its arguments as the model gave them."""

    id: str
    name: str
    arguments: dict[str, Any]


class Message(Value):
    """One message of a conversation; a `tool` message answers the call `tool_call_id`."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


class Sampling(Value):
    """How a reply is to be drawn.

    `sample` numbers the trajectory within its issue; together with `seed` it makes samples differ even
    for models that ignore temperature. `logprobs` and `prompt_logprobs` are how many alternatives are wanted
    for each token. `labels` are the continuations whose log-probability at the reply's first position is
    wanted. A smaller `priority` is served earlier. Requests of one `session` share a long prefix: routers
    keep them on one replica.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 8192
    n: int = 1
    seed: int = 0
    sample: int = 0
    stop: tuple[str, ...] = ()
    logprobs: int = 0
    prompt_logprobs: int = 0
    labels: tuple[str, ...] = ()
    response_schema: dict[str, JsonValue] | None = None
    priority: int = 0
    session: str = ""


class Usage(Value):
    """Tokens of one call; all zero for models that have none.

    `estimated` says that some are counted here, as the server broke off before it told any.
    """

    input: int = 0
    cached_input: int = 0
    output: int = 0
    reasoning: int = 0
    estimated: bool = False

    @classmethod
    def total(cls, usages: Iterable[Usage]) -> Usage:
        """Return the tokens of several calls together."""
        all_of_them = tuple(usages)
        return cls(
            input=sum(one.input for one in all_of_them),
            cached_input=sum(one.cached_input for one in all_of_them),
            output=sum(one.output for one in all_of_them),
            reasoning=sum(one.reasoning for one in all_of_them),
            estimated=any(one.estimated for one in all_of_them),
        )


class Attempt(Value):
    """One sending of a request that failed: the error's class and text, wall time, and what it used.

    `waited` is the seconds until the request was sent again, 0 after the last sending.
    """

    error: str
    message: str
    seconds: float
    waited: float = 0.0
    usage: Usage = Usage()
    cost: float | None = None


class Reply(Value):
    """One answer of a model.

    `cost` is in dollars and None when the price is not known. `model` is the identity the backend
    reported. `seconds` is wall time of the call, `first_token` of its part before the first token came.
    `others` are further samples of the same request (`Sampling.n`); `usage` counts for all of them.
    `labels` holds the log-probability of each of `Sampling.labels`, None where the server did not tell. No
    token counts for two of them, so they add up; one that begins several spellings of a word counts for the
    first. Where labels were asked for, `logprobs` holds what was told of the text, the first position being
    theirs.
    `attempts` are the failed sendings before this one. `raw` is what the server sent, as far as it matters.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: Literal["stop", "tool_calls", "length", "content_filter"] = "stop"
    usage: Usage = Usage()
    cost: float | None = None
    logprobs: tuple[dict[str, float], ...] = ()
    prompt_logprobs: tuple[dict[str, float], ...] = ()
    labels: dict[str, float | None] = Field(default_factory=dict)
    others: tuple[Reply, ...] = ()
    model: str = ""
    seconds: float = 0.0
    first_token: float | None = None
    attempts: tuple[Attempt, ...] = ()
    raw: dict[str, JsonValue] = Field(default_factory=dict)

    def as_message(self) -> Message:
        """Return the assistant message that this reply adds to the conversation."""
        return Message(role="assistant", content=self.text, tool_calls=self.tool_calls)
