"""Checks of calls that are ended from outside, and of many at once."""

from __future__ import annotations

import asyncio
import contextlib
import time

from agent.conformance.trial import FailedError, Trial, is_answer, shown
from agent.messages import Message
from agent.models.errors import ReplayDivergedError

PROMPT = 3.0
"""Seconds in which a call that is ended is over."""
DEADLINE = 0.02
"""Seconds of a deadline that no long reply keeps."""
AT_ONCE = 8


async def cancellation(trial: Trial) -> str:
    """A cancelled call ends promptly, and the backend answers afterwards."""
    calls = [
        asyncio.create_task(trial.ask(_long(trial), sample=sample, max_tokens=2000)) for sample in range(2)
    ]
    await asyncio.sleep(0)
    calls[0].cancel()  # before anything was sent, and while it is under way
    await asyncio.sleep(0.1)
    calls[1].cancel()
    began = time.monotonic()
    _, hanging = await asyncio.wait(calls, timeout=PROMPT)
    if hanging:
        raise FailedError(f"a cancelled call was not over after {PROMPT:.0f} s")
    took = time.monotonic() - began
    for call in calls:
        if not call.cancelled() and (error := call.exception()) is not None:
            if isinstance(error, ReplayDivergedError):
                raise error  # and none of the cancellation's
            raise FailedError(f"a cancelled call raised {type(error).__name__} and not CancelledError")
    is_answer(await trial.ask(trial.asking("Reply with exactly: banana"), sample=2))
    return f"over after {1000 * took:.0f} ms" if calls[1].cancelled() else "answered before it was cancelled"


async def timeout(trial: Trial) -> str:
    """A call ends with the caller's deadline, and the backend answers afterwards."""
    began = time.monotonic()
    told = "over"
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DEADLINE) as limit:
            await trial.ask(_long(trial), max_tokens=2000)
    if not limit.expired():
        told = "answered before the deadline"
    elif (took := time.monotonic() - began) > PROMPT:
        raise FailedError(f"a deadline of {1000 * DEADLINE:.0f} ms was passed by {took:.1f} s")
    is_answer(await trial.ask(trial.asking("Reply with exactly: banana"), sample=1))
    return told


async def many_at_once(trial: Trial) -> str:
    """Calls that run at the same time get each its own answer."""
    words = [f"pear{number}" for number in range(AT_ONCE)]
    async with asyncio.TaskGroup() as group:
        calls = [
            group.create_task(trial.ask(trial.asking(f"Reply with exactly: {word}"), sample=sample))
            for sample, word in enumerate(words)
        ]
    replies = [call.result() for call in calls]
    for place, reply in enumerate(replies):
        is_answer(reply)
        others = [word for word in words if word != words[place] and word in reply.text]
        if others and words[place] not in reply.text:
            raise FailedError(
                f"{words[place]} was asked for, {shown(reply.text)} came: another call's answer"
            )
    return f"{AT_ONCE} calls"


def _long(trial: Trial) -> tuple[Message, ...]:
    return trial.asking("Count from 1 to 500 in digits, with a comma between.")
