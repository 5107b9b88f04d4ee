"""The actions of both phases: each call becomes an observation, whatever happens to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from agent.agreement import Divergence, compare
from agent.arguments import Arguments, read_arguments
from agent.excerpts import cut_middle
from agent.kinds.test_and_edit import prompts
from agent.kinds.test_and_edit.blocks import read_blocks
from agent.kinds.test_and_edit.looking import look
from agent.kinds.test_and_edit.moves import read_moves
from agent.kinds.test_and_edit.record import OwnTest, times
from agent.kinds.test_and_edit.room import Room, clean
from agent.kinds.test_and_edit.shapes import (
    EDIT_PHASE,
    TEST_PHASE,
    EditArguments,
    LookArguments,
    WriteTestArguments,
)
from agent.messages import ToolCall
from agent.observed import observed
from agent.talk import Talk
from agent.tool_error import ToolError, inside
from agent.trajectory import Observation

Action = Callable[[Any, float], Awaitable[str]]
"""Takes checked arguments and the seconds left; returns what is told, or raises why it was not done."""
MARGIN = 5.0
"""Seconds behind the end of the time in which an action can still say what it had found out."""
TIME_UP = "The time was up before the tests had run."


class PhaseBench:
    """Performs the actions of a phase.

    A recorded action is not run again: what it changed in the repository is made again from its arguments,
    and the rest is in the record.

    Attributes:
        written_tests: see `agent.phase.Bench`.
    """

    def __init__(
        self, room: Room, tools: Mapping[str, type[Arguments]], actions: Mapping[str, Action]
    ) -> None:
        self.written_tests = room.written_tests
        self._room = room
        self._tools = tools
        self._actions = actions

    async def perform(self, call: ToolCall, *, seconds: float) -> Observation:
        """See `agent.phase.Bench.perform`."""
        return await observed(call, lambda: self._within(call, seconds))

    async def perform_again(
        self, call: ToolCall, recorded: Observation, *, seconds: float
    ) -> Divergence | None:
        """See `agent.phase.Bench.perform_again`."""
        return compare(call, recorded, await observed(call, lambda: self._again(call, recorded)))

    async def _again(self, call: ToolCall, recorded: Observation) -> tuple[str, str]:
        await _make_again(self._room, read_arguments(call, self._tools), recorded)
        return recorded.text, recorded.status

    async def _within(self, call: ToolCall, seconds: float) -> tuple[str, str]:
        arguments = read_arguments(call, self._tools)
        try:
            async with asyncio.timeout(seconds + MARGIN) as deadline:
                return await self._actions[call.name](arguments, seconds), "ok"
        except TimeoutError:
            if not deadline.expired():
                raise
            return TIME_UP, "timed_out"


def proving_bench(talk: Talk, room: Room) -> PhaseBench:
    """Return the bench of the test phase."""
    first = len(talk.turns)
    actions: Mapping[str, Action] = {
        "look": partial(_look, room),
        "write_test": partial(_prove, room, first),
        "done": partial(_proved, room),
        "no_test": partial(_without_test, room),
    }
    return PhaseBench(room, TEST_PHASE, actions)


def fixing_bench(talk: Talk, room: Room) -> PhaseBench:
    """Return the bench of the edit phase."""
    first = len(talk.turns)
    actions: Mapping[str, Action] = {
        "look": partial(_look, room),
        "edit": partial(_edit, room, first),
        "write_test": partial(_prove_again, room, first),
        "done": partial(_fixed, talk, room, first),
        "give_up": _ended,
    }
    return PhaseBench(room, EDIT_PHASE, actions)


async def _look(room: Room, arguments: LookArguments, _seconds: float) -> str:
    return await look(room.sandbox, arguments.what, room.settings.look)


async def _prove(room: Room, first: int, arguments: WriteTestArguments, _seconds: float) -> str:
    test = await room.prove(arguments)
    await room.keep(test)
    return _told(test.said, prompts.READ_IT, room.introduced(first))


async def _proved(room: Room, _arguments: Arguments, _seconds: float) -> str:
    if room.test is None:
        raise ToolError(prompts.NO_TEST_YET)
    return "The test stands."


async def _without_test(room: Room, _arguments: Arguments, _seconds: float) -> str:
    await room.drop()
    return "Going on without a test."


async def _edit(room: Room, first: int, arguments: EditArguments, seconds: float) -> str:
    changed = await _applied(room, arguments)
    return _told(f"Changed {', '.join(changed)}.", await _measured(room, first, seconds))


async def _applied(room: Room, arguments: EditArguments) -> tuple[str, ...]:
    """Change the repository, and return the paths that were."""
    moves = read_moves(arguments.files)
    blocks = read_blocks(arguments.changes) if arguments.changes.strip() or not moves else ()
    own = room.test.path if room.test is not None else ""
    return await room.edits.apply(blocks, arguments.onto, own, moves)


async def _prove_again(room: Room, first: int, arguments: WriteTestArguments, seconds: float) -> str:
    test = await room.prove(arguments)
    await room.keep(test)
    return _told(test.said, await _measured(room, first, seconds))


async def _fixed(talk: Talk, room: Room, first: int, _arguments: Arguments, _seconds: float) -> str:
    if not await room.source_diff() and not times(talk.turns[first:], "done", "error"):
        raise ToolError(prompts.NOTHING_CHANGED)
    return "Done."


async def _ended(_arguments: Arguments, _seconds: float) -> str:
    return "Ended."


async def _measured(room: Room, first: int, seconds: float) -> str:
    """Return the patch so far and what tests do on it, as far as the time allows."""
    parts: list[str] = []
    began = asyncio.get_running_loop().time()
    # the edit itself stands, so the end of the time is no failure of the action
    try:
        async with asyncio.timeout(seconds) as deadline:
            diff = await room.source_diff()
            parts.append(
                f"# Your patch so far\n\n{cut_middle(diff, room.settings.output).rstrip() or '(empty)'}"
            )
            if room.test is not None:
                parts.append(await room.patched.own(room.test))
            parts.append(await room.patched.others(room.others()))
            parts.append(room.introduced(first))
            parts.append(await room.regressions(seconds - (asyncio.get_running_loop().time() - began)))
    except TimeoutError:
        if not deadline.expired():
            raise
        parts.append(TIME_UP)
    return _told(*parts)


async def _make_again(room: Room, arguments: Arguments, recorded: Observation) -> None:
    """Change the repository as a recorded action did."""
    if recorded.status not in ("ok", "timed_out"):
        return
    match arguments:
        case WriteTestArguments(path=path, content=content) if recorded.status == "ok":
            said = recorded.text.partition(f"\n\n{prompts.READ_IT}")[0]
            await room.keep(OwnTest(inside(room.sandbox, path), clean(content)[0], said))
        case EditArguments():
            await _applied(room, arguments)
        case _ if arguments.tool == "no_test":
            await room.drop()


def _told(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
