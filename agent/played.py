"""A trajectory from its start to its last diff, whatever happens in between."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from agent.assignment import Assignment
from agent.budget import RunEndedError
from agent.endings import Ending
from agent.mistake import told_mistake
from agent.talk import OverError, Talk, line_of
from agent.tape import TapeError
from agent.trajectory import ExitReason, Trajectory
from sandbox.base import SandboxError

LAST_DIFF = 60.0
"""Seconds for taking the diff when everything else is over."""

CHOSEN = (ExitReason.SUBMITTED, ExitReason.GAVE_UP)
"""Endings that the model chose; what it chose does not count where its diff is lost."""


async def played(given: Assignment, work: Callable[[Talk], Awaitable[Ending]]) -> Trajectory:
    """Let a kind of trajectory do its work, and return what was done.

    A failing model, a dead sandbox, the end of the time, a cancellation and a mistake in the kind's code
    raise nothing: they end the trajectory with their reason and the diff made so far.

    Raises:
        TapeError: the record cannot be written.
    """
    started = time.monotonic()
    talk = Talk(given)
    ending, tests = await _uninterrupted(talk, await _without_mistakes(talk, work))
    used = talk.used()
    return Trajectory(
        sample=given.sampling.sample,
        model=next((turn.reply.model for turn in talk.turns if turn.reply.model), given.model.name),
        exit_reason=ending.reason,
        diff=talk.diff,
        test_paths=tests,
        turns=tuple(talk.turns),
        usage=used.usage,
        cost=used.dollars,
        seconds=time.monotonic() - started,
        message=ending.message,
    )


async def _without_mistakes(talk: Talk, work: Callable[[Talk], Awaitable[Ending]]) -> Ending:
    try:
        return await _until_ended(talk, work)
    except (TapeError, RunEndedError):
        raise
    except Exception as error:
        # others work on the same issue, and what this one has won must not be lost with its kind's code
        return Ending(ExitReason.ERROR, told_mistake(error))


async def _until_ended(talk: Talk, work: Callable[[Talk], Awaitable[Ending]]) -> Ending:
    try:
        async with talk.clock.deadline:
            return await work(talk)
    except asyncio.CancelledError:
        return Ending(ExitReason.CANCELLED, "cancelled")
    except TimeoutError:
        if not talk.clock.deadline.expired():
            raise
        return talk.time_is_up()
    except SandboxError as error:
        return Ending(ExitReason.SANDBOX_ERROR, line_of(error))
    except OverError as over:
        return over.ending


async def _uninterrupted(talk: Talk, ending: Ending) -> tuple[Ending, tuple[str, ...]]:
    """Take the last state of the sandbox, whatever is cancelled meanwhile."""
    final = asyncio.ensure_future(_last_state(talk, ending))
    while not final.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(final)
    return final.result()


async def _last_state(talk: Talk, ending: Ending) -> tuple[Ending, tuple[str, ...]]:
    """Keep the diff, and return the ending and the tests that are still there.

    Where the diff cannot be taken, the last one that was kept stands.
    """
    written, sandbox = talk.written_tests(), talk.given.sandbox
    try:
        async with asyncio.timeout(LAST_DIFF):
            talk.diff = await sandbox.diff()
            if not written:
                return ending, ()
            script = 'for path; do [ -f "$path" ] && printf "%s\\0" "$path"; done; true'
            found = await sandbox.exec(["bash", "-c", script, "tests", *written], timeout=LAST_DIFF)
    except (SandboxError, TimeoutError) as error:
        if ending.reason in CHOSEN:
            ending = Ending(ExitReason.SANDBOX_ERROR, f"the last diff could not be taken: {line_of(error)}")
        return ending, written
    present = found.output.decode("utf-8", "replace").split("\0")
    return ending, tuple(path for path in written if path in present)
