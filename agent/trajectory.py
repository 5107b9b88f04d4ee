"""What one agent did, turn by turn."""

from __future__ import annotations

import enum
from typing import Literal

from agent.messages import Reply, ToolCall, Usage, Value


class ExitReason(enum.StrEnum):
    """Why a trajectory ended; its diff is kept whichever it was."""

    SUBMITTED = "submitted"
    GAVE_UP = "gave_up"
    """The model said that it has no patch."""
    STEP_LIMIT = "step_limit"
    TIME_LIMIT = "time_limit"
    COST_LIMIT = "cost_limit"
    CONTEXT_LIMIT = "context_limit"
    FORMAT_ERRORS = "format_errors"
    """Several replies in a row held no readable action."""
    MODEL_ERROR = "model_error"
    SANDBOX_ERROR = "sandbox_error"
    ERROR = "error"
    """A mistake in the code of its kind."""
    CANCELLED = "cancelled"


class Observation(Value):
    """What one tool call returned, as the model saw it."""

    call_id: str
    text: str
    status: Literal["ok", "error", "timed_out", "format_error"] = "ok"
    seconds: float = 0.0


class Turn(Value):
    """One reply, and what its actions returned.

    `foreign` is what another agent did where none of our tools means the same; then the one observation is
    what that returned.
    """

    reply: Reply
    observations: tuple[Observation, ...] = ()
    foreign: str = ""

    @property
    def actions(self) -> tuple[ToolCall, ...]:
        """The tool calls of the reply."""
        return self.reply.tool_calls


class Trajectory(Value):
    """What one agent did on one issue.

    `diff` is everything the agent changed against the base commit, tests included; `test_paths` are the
    files it wrote with the test tool. `seconds` is wall time.
    """

    sample: int
    model: str
    exit_reason: ExitReason
    diff: str
    test_paths: tuple[str, ...] = ()
    turns: tuple[Turn, ...] = ()
    usage: Usage = Usage()
    cost: float | None = None
    seconds: float = 0.0
    message: str = ""
    """The agent's closing words, or what went wrong."""
