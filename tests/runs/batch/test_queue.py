from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from runs.batch.outcome import Failure, Outcome, Status, write_outcome
from runs.batch.queue import NoRoom, Queue, Stop
from runs.batch.steps import IssueEnded, IssueLeft
from runs.batch.summary import Files, report_of, verdict
from runs.commons import Commons, Paces
from runs.display.batch import BatchState, LivePicture, line_of
from runs.ledger import RunSpentError
from runs.purse import Spending
from sandbox.base import Limits
from sandbox.slots import Slots
from tests.runs.batched import predictions


def ended(name, failure=None):
    status = Status.INFRASTRUCTURE if failure else Status.ABSTAINED
    return Outcome(instance_id=name, status=status, failure=failure, message="m" if failure else "")


class Played:
    """An executor that plays outcomes by id, and notes how many run side by side."""

    def __init__(self, **parts):
        self.parts = {name: list(part) for name, part in parts.items()}
        self.begun = []
        self.most = self.running = 0

    async def run(self, instance_id, listen):
        self.begun.append(instance_id)
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0.01)
        self.running -= 1
        part = self.parts[instance_id].pop(0)
        if isinstance(part, BaseException):
            raise part
        return part


def queue(played, waiting, steps, done):
    return Queue(waiting, played, NoRoom(), steps.append, done.append)


async def test_a_failure_comes_once_more_at_the_end_and_no_more():
    played = Played(
        a=[ended("a", Failure.MODEL), ended("a")],
        b=[ended("b")],
        c=[ended("c", Failure.SANDBOX), ended("c", Failure.SANDBOX)],
    )
    steps, done = [], []
    await queue(played, ["a", "b", "c"], steps, done).work(1)
    assert played.begun == ["a", "b", "c", "a", "c"]
    assert [one.status for one in done[-2:]] == [Status.ABSTAINED, Status.INFRASTRUCTURE]


class Slow(NoRoom):
    """A room that never comes, and tells when it is waited for."""

    def __init__(self):
        self.asked = asyncio.Event()

    async def before(self, instance_id):
        self.asked.set()
        await asyncio.Event().wait()


async def test_what_waits_for_room_does_not_begin_once_the_queue_is_stopped_and_holds_up_nobody():
    played, room, steps = Played(a=[ended("a")]), Slow(), []
    waiting = Queue(["a"], played, room, steps.append, [].append)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(waiting.work(1))
        await room.asked.wait()
        waiting.drain(Stop.INTERRUPTED)
    assert played.begun == []
    assert [type(step) for step in steps][-1] is IssueLeft


async def test_so_many_run_side_by_side():
    names = [f"i{n}" for n in range(9)]
    played = Played(**{name: [ended(name)] for name in names})
    await queue(played, names, [], []).work(3)
    assert played.most == 3


async def test_an_empty_purse_drains_and_leaves_the_issue_unfinished():
    played = Played(a=[RunSpentError("the run's $1.00 are used")], b=[ended("b")])
    steps, done = [], []
    one = queue(played, ["a", "b"], steps, done)
    await one.work(1)
    assert one.stopped is Stop.SPENT
    assert played.begun == ["a"]
    assert done == []
    assert next(step for step in steps if isinstance(step, IssueLeft)).reason.startswith("the run's")


async def test_stopping_cuts_off_what_is_under_way():
    played = Played(a=[ended("a")])
    one = queue(played, ["a"], [], [])
    working = asyncio.create_task(one.work(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    one.stop(Stop.TIME)
    with pytest.raises(asyncio.CancelledError):
        await working
    assert one.stopped is Stop.TIME


def test_predictions_hold_what_is_final_and_nothing_else(tmp_path):
    write_outcome(tmp_path, ended("a"))
    files = Files(tmp_path, [ended("a")])
    files.put(ended("b", Failure.MODEL))
    files.put(Outcome(instance_id="c", status=Status.SELECTED, patch="p", model="m"))
    assert predictions(tmp_path) == {"a": "", "c": "p"}
    report = report_of(["a", "b", "c", "d"], files.outcomes, None)
    assert report["unfinished_ids"] == ["d"]
    assert report["failures"] == {"model": 1}
    assert verdict(report).startswith("2 of 4 issues done; 1 selected; 1 abstained; 1 failed by infrast")


def test_the_display_counts_an_issue_by_how_it_ended_last():
    class Commons:
        class purse:  # noqa: N801
            total = Spending()

    state = BatchState(3, Commons)
    for outcome in (ended("a", Failure.MODEL), ended("b"), ended("a")):
        state.take(IssueEnded(outcome))
    assert state.counts() == "2/3 done (2 abstained)"
    assert line_of(IssueEnded(ended("a"), kept=True)) == ""
    assert "model: m" in line_of(IssueEnded(ended("a", Failure.MODEL)))


def test_the_picture_shows_all_counts_on_a_narrow_terminal():
    slots = Slots("sandboxes", 4)
    state = BatchState(3, Commons(slots, slots, slots, Paces(4), Limits()))
    for outcome in (ended("a", Failure.MODEL), ended("b", Failure.SANDBOX), ended("c")):
        state.take(IssueEnded(outcome))
    stream = io.StringIO()
    Console(file=stream, width=80).print(LivePicture(state).picture())
    counts = "1/3 done (2 infrastructure, 1 abstained), failures: 1 model, 1 sandbox; 0 s"
    assert counts in map(str.strip, stream.getvalue().splitlines())
    assert "0 min left" in stream.getvalue()
