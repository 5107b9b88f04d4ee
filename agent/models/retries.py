"""Sending a request until it is answered: what is sent again, when, and until when."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from agent.messages import Attempt, Usage
from agent.models.attempts import Meter, metered, tell
from agent.models.errors import DeadlineError, ModelError
from agent.models.keys import redacted
from agent.models.pace import FreePace, Pace

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Patience:
    """What one call may take, all its sendings together.

    `attempts` counts sendings, the first included. `total_seconds` bounds sendings and waits together,
    `call_seconds` each sending. Waits double from `first_delay` to `longest_delay` seconds.
    """

    attempts: int = 6
    total_seconds: float = 1800.0
    first_delay: float = 1.0
    longest_delay: float = 60.0
    call_seconds: float = 600.0


async def send_until_answered(
    send: Callable[[], Awaitable[_Answer]], name: str, patience: Patience, pace: Pace | None = None
) -> tuple[_Answer, tuple[Attempt, ...]]:
    """Return what `send` returns, and the sendings that failed before, each told of at once.

    Every sending waits for its turn, and that time counts for nothing.

    Raises:
        ModelError: the last failure, in one line without keys, with all attempts; whatever else `send`
            raises is one that does not pass.
    """
    began = time.monotonic()
    attempts: list[Attempt] = []
    while True:
        queued = sent = time.monotonic()
        try:
            with metered() as meter:
                async with (pace or FreePace()).turn() as turn:
                    sent = time.monotonic()
                    began += sent - queued
                    left = patience.total_seconds - (sent - began)
                    answer = await _send_once(send, name, min(patience.call_seconds, left))
                    turn.latency = getattr(answer, "first_token", None)
        except asyncio.CancelledError:
            if meter.usage != Usage():
                await tell(_cut_off(meter, name, time.monotonic() - sent))
            raise
        except ModelError as error:
            if error.usage == Usage():
                error.usage, error.cost = meter.usage, error.cost or meter.cost
            now = time.monotonic()
            left = patience.total_seconds - (now - began)
            wait = _wait_before_next(error, len(attempts) + 1, left, patience)
            attempts.append(_attempt(error, now - sent, wait or 0.0))
            await tell(attempts[-1])
            if wait is None:
                _complete(error, len(attempts), left)
                raise error.after(attempts) from error.__cause__
            await asyncio.sleep(wait)
        else:
            return answer, tuple(attempts)


async def _send_once(send: Callable[[], Awaitable[_Answer]], name: str, seconds: float) -> _Answer:
    """Return an answer; every failure is a `ModelError` in one line."""
    try:
        async with asyncio.timeout(seconds) as deadline:
            return await send()
    except Exception as error:
        if deadline.expired():
            raise DeadlineError(f"{name} gave no whole answer within {seconds:.0f} s") from error
        known = _model_error(error)
        if known is None:
            raise ModelError(_line(f"{name}: {type(error).__name__}: {error}")) from error
        known.args = (_line(str(known)),)
        if known is error:
            raise
        raise known from error


def _model_error(error: Exception) -> ModelError | None:
    """Return an error of ours, also out of the group that a backend's own task group makes of it."""
    if isinstance(error, ExceptionGroup):
        return next((found for inner in error.exceptions if (found := _model_error(inner))), None)
    return error if isinstance(error, ModelError) else None


def _wait_before_next(error: ModelError, sent: int, left: float, patience: Patience) -> float | None:
    """Return the seconds to wait before a request is sent again, None when it is not.

    A server's own wish is obeyed, and a little more is waited: else all who were told the same come back at
    the same instant. Without one the wait doubles each time, drawn between half of it and the whole.
    """
    if not error.passing or sent >= patience.attempts:
        return None
    if error.retry_after is not None:
        wait = max(0.0, error.retry_after) + random.uniform(0.0, patience.first_delay)
    else:
        longest = min(patience.longest_delay, patience.first_delay * 2.0 ** min(sent - 1, 30))
        wait = longest * random.uniform(0.5, 1.0)
    return wait if wait < left else None


def _complete(error: ModelError, sent: int, left: float) -> None:
    """Add to an error's words why nothing more is tried, where they do not say it."""
    if not error.passing:
        return
    if error.retry_after is not None and error.retry_after > left:
        more = f"it asks to wait {error.retry_after:.0f} s, and {max(0.0, left):.0f} s are left for this call"
    elif sent > 1:
        more = f"sent {sent} times"
    else:
        return
    error.args = (f"{error} ({more})",)


def _attempt(error: ModelError, seconds: float, waited: float) -> Attempt:
    return Attempt(
        error=type(error).__name__,
        message=str(error),
        seconds=seconds,
        waited=waited,
        usage=error.usage,
        cost=error.cost,
    )


def _cut_off(meter: Meter, name: str, seconds: float) -> Attempt:
    """Return the attempt that a cancelled sending is, which is told and charged like one that failed."""
    return Attempt(
        error="Cancelled",
        message=f"{name}: cancelled while the reply came",
        seconds=seconds,
        usage=meter.usage,
        cost=meter.cost,
    )


def _line(text: str) -> str:
    return " ".join(redacted(text).split())
