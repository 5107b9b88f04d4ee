"""Trajectories drawn at one time: a few run together, each in its own fork of the base."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from agent.budget import RunEndedError
from agent.kinds import KINDS
from agent.mistake import told_mistake
from agent.models.errors import ModelError
from agent.tape import TapeError
from agent.trajectory import ExitReason, Trajectory, Turn
from runs.crews import Seat
from runs.progress import SampleBegan, SampleEnded, SampleTurned
from runs.recorded import INFRASTRUCTURE, record, recorded
from runs.taking_up import PUT_OFF, lost, told
from runs.troop import Troop
from runs.variation import Variation
from sandbox.base import SandboxError
from sandbox.forks import forked


class MistakeError(RuntimeError):
    """Every trajectory ended by a mistake in the code of its kind; the message holds the first one."""


Enough = Callable[[], Awaitable[str]]
"""Returns why the trajectories that still run are not needed, empty while they are."""

_ERRORS = {
    ExitReason.MODEL_ERROR: ModelError,
    ExitReason.SANDBOX_ERROR: SandboxError,
    ExitReason.ERROR: MistakeError,
}


async def draw(troop: Troop, places: Sequence[Seat], enough: Enough | None = None) -> None:
    """Let trajectories run to their ends, which the journal then holds; those it has ended are not run.

    A trajectory that fails ends with its own exit reason and takes no other with it. None begins once the
    issue's budget is used up. Whenever one has ended, `enough` may call off the rest: they end where they
    are, and a resumed run does not go on with them.

    An issue that comes once more ends here the first time that trajectories are lost to the machinery.

    Raises:
        UnknownModelError: a crew's model has no backend.
        ModelError: every trajectory so far, or one of an issue that is put off, ended as the model failed.
        SandboxError: the same of its sandbox.
        MistakeError: the same of a mistake in the code of its kind.
        JournalError: a reply could not be recorded; no trajectory goes on without its record.
    """
    ended = {n: one for n, one in recorded(troop.journal).items() if one.exit_reason not in INFRASTRUCTURE}
    for seat in places:
        if seat.sample in ended:
            troop.listen(SampleBegan(seat.sample, seat.crew.kind))
            troop.listen(_ended(ended[seat.sample], replayed=True))
    missing = [seat for seat in places if seat.sample not in ended]
    if enough is not None and missing and len(missing) < len(places) and not troop.ledger.called_off:
        await _call_off_if(enough, troop)
    missing = [seat for seat in missing if _may_begin(troop, seat)]
    if missing:
        await troop.ready(missing)
        await _run(troop, missing, enough)
    await _require_those_that_work(troop)


async def _run(troop: Troop, places: Sequence[Seat], enough: Enough | None) -> None:
    gate = asyncio.Semaphore(troop.recipe.parallel)
    async with asyncio.TaskGroup() as group:
        running = {
            group.create_task(_one(troop, seat, gate), name=f"sample {seat.sample}") for seat in places
        }
        while running and enough is not None and not troop.ledger.called_off:
            _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            if running and await _call_off_if(enough, troop):
                for job in running:
                    job.cancel()


async def _call_off_if(enough: Enough, troop: Troop) -> bool:
    """Let nobody take another turn where that is not needed any more, and return whether it is so."""
    reason = await enough()
    if reason:
        await troop.ledger.call_off(reason)
    return bool(reason)


def _may_begin(troop: Troop, seat: Seat) -> bool:
    """Whether a trajectory may take its next turn, or has taken some before: its work is not given up."""
    return troop.ledger.exceeded() is None or any(True for _ in troop.journal.of("reply", sample=seat.sample))


async def _one(troop: Troop, seat: Seat, gate: asyncio.Semaphore) -> None:
    """Run one trajectory, and record how it ended unless somebody interrupted it."""
    async with gate, troop.place():
        if not _may_begin(troop, seat):
            return
        troop.listen(SampleBegan(seat.sample, seat.crew.kind))
        trajectory, drawn = await _played(troop, seat)
        if trajectory.exit_reason is ExitReason.CANCELLED and not troop.ledger.called_off:
            raise asyncio.CancelledError  # unfinished: a resumed run goes on from its last recorded reply
        await record(trajectory, drawn, troop.journal)
        troop.listen(_ended(trajectory))


async def _played(troop: Troop, seat: Seat) -> tuple[Trajectory, Variation]:
    began = time.monotonic()

    def on_turn(number: int, turn: Turn) -> None:
        troop.listen(SampleTurned(seat.sample, number, _headline(turn)))

    drawn = troop.variation(seat)
    try:
        async with forked(await troop.room.ground()) as sandbox:
            given = troop.assignment(seat, sandbox, on_turn)
            return await KINDS[seat.crew.kind](given), drawn
    except SandboxError as error:
        reason, message = ExitReason.SANDBOX_ERROR, str(error)
    except (TapeError, RunEndedError):
        raise
    except Exception as error:  # a mistake outside of what the kind plays, which keeps its own diff
        reason, message = ExitReason.ERROR, told_mistake(error)
    return Trajectory(
        sample=seat.sample,
        model=drawn.model,
        exit_reason=reason,
        diff="",
        message=message,
        seconds=time.monotonic() - began,
    ), drawn


async def _require_those_that_work(troop: Troop) -> None:
    """Stop a run whose trajectories all died of the machinery: what is left would look like a result.

    Where the issue comes once more, some that died are enough, once: what it lost is drawn again first.
    """
    journal, trajectories = troop.journal, recorded(troop.journal).values()
    died = [one for one in trajectories if one.exit_reason in INFRASTRUCTURE]
    put_off = troop.comes_again and journal.last(PUT_OFF) is None and bool(lost(journal, troop.ledger))
    if put_off:
        await journal.append(PUT_OFF, {"samples": [one.sample for one in died]})
    if died and (put_off or len(died) == len(trajectories)):
        raise _ERRORS[died[0].exit_reason](told(died, len(trajectories)))


def _headline(turn: Turn) -> str:
    text = turn.reply.text.strip().splitlines()
    if text:
        return text[0]
    return ", ".join(call.name for call in turn.actions) or "no action"


def _ended(trajectory: Trajectory, *, replayed: bool = False) -> SampleEnded:
    return SampleEnded(
        trajectory.sample, trajectory.exit_reason, trajectory.message, trajectory.seconds, replayed
    )
