"""A killed machine goes on where it was, with the same words."""

from __future__ import annotations

import pytest

from agent.base_runs import ForkedBase
from agent.budget import Budget
from agent.messages import Message, Reply, Sampling
from agent.models.scripted import ScriptedModel
from agent.shelf import SharedTest
from agent.tape import MemoryTape, request_key
from agent.trajectory import ExitReason
from envs.task import PublicTask
from sandbox.base import Sandbox
from sandbox.forks import forked
from tests.agent.kinds.machine_files import (
    FAILING,
    FIX,
    NEW,
    OLD,
    TEST,
    TEST_PATH,
    block,
    call,
    play,
)

BETTER = FAILING.replace("test_area", "test_better")
SCRIPT = [
    call("look", what="shapes.py\nunit_square"),
    Reply(text="I wonder."),
    call("write_test", path=TEST_PATH, content=FAILING.replace("6", "5")),
    call("write_test", **TEST),
    call("done", message="5 for 6"),
    call("edit", changes=block(OLD, f"{OLD} + 1")),
    call("edit", changes="shapes.py"),
    call("write_test", path="tests/test_better.py", content=BETTER),
    call("edit", changes=block("nowhere", NEW)),
    call("edit", **FIX, onto="base"),
    call("done", message="area multiplies"),
]


class CutTape(MemoryTape):
    """What was on another tape when its process died: some turns, the last one perhaps without its end."""

    def __init__(self, whole: MemoryTape, turns: int, *, half: bool) -> None:
        super().__init__()
        for turn in range(turns):
            reply = whole.reply(turn)
            assert reply is not None
            self._replies[turn], self._requests[turn] = reply, whole.request(turn)
            seen = whole.observation(turn, 0)
            if seen is not None and not (half and turn == turns - 1):
                self._observations[turn, 0] = seen
                if (files := whole.files(turn, 0)) is not None:
                    self._files[turn, 0] = files


class LateShelf:
    """A shelf on which a test lies only since the machine was resumed."""

    def tests(self) -> tuple[SharedTest, ...]:
        content = FAILING.replace("2, 3", "4, 5").replace("== 2", "== 4").replace("6", "20")
        return (SharedTest("tests/test_late.py", content, author=7),)

    async def put(self, test: SharedTest) -> None:
        """Keep nothing."""


def words(request: tuple[Message, ...]) -> list[str]:
    return [message.content for message in request]


def key(request: tuple[Message, ...]) -> str:
    return request_key(request, (), Sampling())


@pytest.mark.timeout(900)
async def test_goes_on_from_every_turn_with_the_same_words(task: PublicTask, sandbox: Sandbox) -> None:
    """The first request after a kill is byte for byte the one of the run that was not killed."""
    base = ForkedBase(sandbox, task.test_runner)
    whole, tape = ScriptedModel(SCRIPT), MemoryTape()
    options = {"base": base, "budget": Budget(steps=40, seconds=2000)}
    async with forked(sandbox) as fork:
        done = await play(task, fork, whole, tape=tape, **options)
    assert done.exit_reason is ExitReason.SUBMITTED
    assert [tape.observation(turn, 0).status for turn in range(len(SCRIPT))] == [  # type: ignore[union-attr]
        *["ok", "format_error", "error", "ok", "ok"],
        *["ok", "format_error", "ok", "error", "ok", "ok"],
    ]
    for cut in range(len(SCRIPT) + 1):
        model = ScriptedModel([*SCRIPT[cut : cut + 1], *[RuntimeError("killed again")] * 2])
        left = CutTape(tape, cut, half=False)
        async with forked(sandbox) as fork:
            resumed = await play(task, fork, model, tape=left, shelf=LateShelf(), **options)
            assert left.divergences == []
            assert resumed.turns[:cut] == done.turns[:cut]
            if cut == len(SCRIPT):
                assert (resumed.diff, resumed.test_paths) == (done.diff, done.test_paths)
        assert [words(request) for request in model.requests[:1]] == [
            words(request) for request in whole.requests[cut : cut + 1]
        ]


@pytest.mark.timeout(900)
async def test_an_action_that_was_cut_off_is_performed_again(task: PublicTask, sandbox: Sandbox) -> None:
    """The reply was kept, its observation was not."""
    base = ForkedBase(sandbox, task.test_runner)
    options = {"base": base, "budget": Budget(steps=40, seconds=2000)}
    whole, tape = ScriptedModel(SCRIPT), MemoryTape()
    async with forked(sandbox) as fork:
        done = await play(task, fork, whole, tape=tape, **options)
    for cut in (4, 8, 10):
        model = ScriptedModel(SCRIPT[cut:])
        left = CutTape(tape, cut, half=True)
        async with forked(sandbox) as fork:
            resumed = await play(task, fork, model, tape=left, **options)
        assert left.divergences == []
        assert (resumed.diff, resumed.test_paths, resumed.message) == (
            done.diff,
            done.test_paths,
            done.message,
        )
        assert [key(request) for request in model.requests] == [
            key(request) for request in whole.requests[cut:]
        ]


async def test_a_finished_record_is_not_worked_on_again(task: PublicTask, sandbox: Sandbox) -> None:
    tape = MemoryTape()
    script = [call("write_test", **TEST), call("done"), call("edit", **FIX), call("done")]
    async with forked(sandbox) as fork:
        done = await play(task, fork, ScriptedModel(script), tape=tape)

    class Untouchable:
        async def run(self, *arguments: object, **options: object) -> object:
            raise AssertionError("nothing is to be run")

    again = await play(task, sandbox, ScriptedModel([]), tape=tape, base=Untouchable())
    assert (again.turns, again.diff, again.test_paths) == (done.turns, done.diff, done.test_paths)
