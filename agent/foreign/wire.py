"""The shapes of other agents' files, as far as they are read; what else is in them is passed over."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agent.messages import Usage


def _flat(content: object) -> object:
    """Return a message's content as one text; servers also write parts, or nothing."""
    if content is None:
        return ""
    if isinstance(content, list):
        return "".join(
            part if isinstance(part, str) else str(part.get("text") or "")
            for part in content
            if isinstance(part, str | dict)
        )
    return content


def unless_null(default: Any) -> BeforeValidator:
    """Take null, which many writers leave where they know nothing, for a default."""
    return BeforeValidator(lambda value: default if value is None else value)


Text = Annotated[str, BeforeValidator(_flat)]
Count = Annotated[int, unless_null(0), Field(ge=0)]


class Wire(BaseModel):
    """A part of a file."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Function(Wire):
    """What a native call calls."""

    name: Text = ""
    arguments: Any = None


class Call(Wire):
    """A native call."""

    id: Text = ""
    function: Function = Function()


class Details(Wire):
    """A part of the usage."""

    cached_tokens: Count = 0
    reasoning_tokens: Count = 0


class Tokens(Wire):
    """A server's usage, in either of its vocabularies."""

    prompt_tokens: Count = 0
    completion_tokens: Count = 0
    input_tokens: Count = 0
    output_tokens: Count = 0
    prompt_tokens_details: Annotated[Details, unless_null(Details())] = Details()
    completion_tokens_details: Annotated[Details, unless_null(Details())] = Details()
    input_tokens_details: Annotated[Details, unless_null(Details())] = Details()
    output_tokens_details: Annotated[Details, unless_null(Details())] = Details()
    cost: float | None = None

    def counted(self) -> Usage:
        """Return it in our words."""
        cached = self.prompt_tokens_details.cached_tokens or self.input_tokens_details.cached_tokens
        thought = (
            self.completion_tokens_details.reasoning_tokens or self.output_tokens_details.reasoning_tokens
        )
        return Usage(
            input=self.prompt_tokens or self.input_tokens,
            cached_input=cached,
            output=self.completion_tokens or self.output_tokens,
            reasoning=thought,
        )


class Stats(Wire):
    """What a run used."""

    instance_cost: Annotated[float, unless_null(0.0)] = 0.0
    tokens_sent: Count = 0
    tokens_received: Count = 0


class Info(Wire):
    """How a run ended."""

    exit_status: Text = ""
    submission: Text = ""
    model_stats: Annotated[Stats, unless_null(Stats())] = Stats()
    config: Any = None
    mini_version: Text = ""
