"""Round after round: who is drawn next, until all are or nothing more would change the decision."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence

from runs.crews import Seat, in_turn, told
from runs.earlier import give_attempts
from runs.evidence import evidence_of, left_of
from runs.judging import Judged
from runs.progress import StageBegan
from runs.recipe import Rounds
from runs.recorded import INFRASTRUCTURE, recorded
from runs.round_events import Round, begin_round, rounds_of
from runs.rounds import lead_is_possible, next_step
from runs.sampling import Enough, draw
from runs.troop import Troop
from sandbox.base import SandboxError

Look = Callable[[], Awaitable[Judged]]
"""Tests what the journal holds by now."""


async def draw_rounds(troop: Troop, look: Look) -> None:
    """Draw the trajectories of an issue, which its journal then holds.

    Every round is in the journal before it begins; a resumed run draws the same ones.

    Raises:
        ModelError: every trajectory ended because the model failed.
        SandboxError: every trajectory ended because its sandbox failed, or nothing could be tested.
        JournalError: the record cannot be written.
    """
    number = 1
    while places := await _round(number, troop, look):
        await draw(troop, places, _enough(troop, look))
        number += 1


async def _round(number: int, troop: Troop, look: Look) -> tuple[Seat, ...]:
    """Return who is drawn in a round, as recorded or planned now; nobody where the drawing ends."""
    known = next((one for one in rounds_of(troop.journal) if one.number == number), None)
    if known is None:
        places, reason = await _plan(number, troop, look)
        known = await begin_round(number, places, reason, troop.journal)
    if known.samples or known.reason:
        troop.listen(StageBegan("sample", _words(known, troop)))
    return tuple(troop.seats[sample] for sample in known.samples)


async def _plan(number: int, troop: Troop, look: Look) -> tuple[Sequence[Seat], str]:
    """Return who is drawn next, and why."""
    drawn = {sample for one in rounds_of(troop.journal) for sample in one.samples}
    waiting = [seat for sample, seat in troop.seats.items() if sample not in drawn]
    if not waiting:
        return (), ""
    if exhausted := troop.ledger.exceeded():
        return (), exhausted[1]
    adaptive, judged = troop.recipe.rounds, None
    if adaptive is None:
        first = min(seat.crew.round for seat in waiting)
        places, reason = [seat for seat in waiting if seat.crew.round == first], ""
    elif number == 1:
        places, reason = _some(waiting, "candidates", adaptive.first), ""
    else:
        judged = await look()
        step = next_step(evidence_of(judged, left_of(waiting)), adaptive.probability)
        places, reason = _some(waiting, step.purpose, adaptive.more), step.reason
    refiners = [seat for seat in places if seat.purpose == "refinement"]
    if refiners:
        await _inform(refiners, judged or await look(), troop)
    return places, reason


def _some(waiting: Sequence[Seat], purpose: str | None, most: int) -> list[Seat]:
    """Return the next trajectories of a purpose, the crews in turn."""
    return list(in_turn([seat for seat in waiting if seat.purpose == purpose])[:most])


async def _inform(refiners: Sequence[Seat], judged: Judged, troop: Troop) -> None:
    """Leave in the journal what refiners are told of those before them."""
    ended = recorded(troop.journal)
    for seat in refiners:
        await give_attempts(seat, judged, ended, troop.journal)


def _enough(troop: Troop, look: Look) -> Enough | None:
    """Return what calls a round off before its end; a recipe without rounds needs all of its trajectories."""
    adaptive = troop.recipe.rounds
    if adaptive is None:
        return None
    return lambda: _safe_lead(troop, look, adaptive)


async def _safe_lead(troop: Troop, look: Look, adaptive: Rounds) -> str:
    """Return why the trajectories that still run cannot change the decision, empty while they can.

    A look that fails says nothing: the next one, behind the round, will tell.
    """
    if troop.ledger.exceeded():
        return ""
    ended = {n for n, one in recorded(troop.journal).items() if one.exit_reason not in INFRASTRUCTURE}
    left = left_of(seat for sample, seat in troop.seats.items() if sample not in ended)
    programs = sum(troop.seats[sample].purpose != "tests" for sample in ended)
    if not lead_is_possible(programs, left):
        return ""
    with contextlib.suppress(SandboxError):
        step = next_step(evidence_of(await look(), left), adaptive.probability)
        return step.reason if step.purpose is None else ""
    return ""


def _words(one: Round, troop: Troop) -> str:
    """Return a round in one line."""
    places = [troop.seats[sample] for sample in one.samples]
    recipe = troop.recipe
    if not places:
        return f"ends: {one.reason}"
    if recipe.rounds is None and len(places) == len(troop.seats) and len(recipe.crews) == 1:
        return f"{len(places)} trajectories of {recipe.model_of(recipe.crews[0])}"
    return f"round {one.number}: {told(places)}" + (f" ({one.reason})" if one.reason else "")
