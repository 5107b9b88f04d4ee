"""The test-and-edit state machine: first a test that shows the issue, then edits that make it pass.

After CodeMonkeys (sections 3 and 4 of its paper). In each phase a reply is one action; the phases have
conversations of their own, so that the second does not pay for the first one's attempts.
"""

from __future__ import annotations

from functools import partial

from agent.assignment import Assignment, base_of
from agent.endings import Ending, ending_of_call
from agent.kinds.test_and_edit import prompts
from agent.kinds.test_and_edit.benches import fixing_bench, proving_bench
from agent.kinds.test_and_edit.record import looked_at
from agent.kinds.test_and_edit.room import Room
from agent.kinds.test_and_edit.settings import MachineSettings
from agent.kinds.test_and_edit.shapes import EDIT_PHASE, TEST_PHASE
from agent.phase import Phase
from agent.played import played
from agent.talk import Talk, TurnsOverError
from agent.trajectory import ExitReason, Trajectory

EDITS_FIRST = "this attempt edits first, and shows the issue by a test once its cause is known."


async def run_test_and_edit(given: Assignment, settings: MachineSettings | None = None) -> Trajectory:
    """Let a model show the issue by a test, then fix it; see `agent.played.played`."""
    return await played(given, partial(_work, settings=settings or MachineSettings()))


async def _work(talk: Talk, settings: MachineSettings) -> Ending:
    async with base_of(talk.given) as base:
        room = Room(talk, base, settings)
        edits_first = talk.given.first_phase == "edit"
        reason = EDITS_FIRST if edits_first else await _show(talk, room, settings)
        return await _fix(talk, room, settings, reason)


async def _show(talk: Talk, room: Room, settings: MachineSettings) -> str:
    """Go through the test phase, and return why there is no test; empty where the room has one."""
    given = talk.given
    half = max(1, given.budget.steps // 2)
    phase = Phase(
        system=prompts.TEST_SYSTEM,
        opening=prompts.shared(given.task, given.context) + room.seed,
        tools=TEST_PHASE,
        bench=proving_bench(talk, room),
        endings=frozenset({"done", "no_test"}),
        reminder=prompts.TEST_REMINDER,
        changes=frozenset({"write_test"}),
        single=True,
        turns=min(settings.test_turns, half),
        steps=half,
    )
    try:
        call = await talk.through(phase)
    except TurnsOverError:
        return "" if room.test is not None else prompts.NO_TURNS
    return str(call.arguments.get("reason", "")) if call.name == "no_test" else ""


async def _fix(talk: Talk, room: Room, settings: MachineSettings, reason: str) -> Ending:
    """Go through the edit phase."""
    given = talk.given
    looked = looked_at(talk.turns, settings.looked)
    phase = Phase(
        system=prompts.EDIT_SYSTEM,
        opening=prompts.edit_opening(given.task, given.context, looked, room.test, reason) + room.seed,
        tools=EDIT_PHASE,
        bench=fixing_bench(talk, room),
        endings=frozenset({"done", "give_up"}),
        reminder=prompts.EDIT_REMINDER,
        changes=frozenset({"edit", "write_test"}),
        single=True,
        turns=settings.edit_turns + (settings.test_turns if given.first_phase == "edit" else 0),
    )
    ending = ending_of_call(await talk.through(phase))
    if ending.reason is ExitReason.SUBMITTED and not await room.source_diff():
        return Ending(ExitReason.GAVE_UP, ending.message)
    return ending
