"""What the display of a batch on a cluster says."""

from __future__ import annotations

from runs.batch.steps import Bounds, IssueBegan, IssueWent
from runs.commons import Commons, Paces
from runs.display.batch import BatchState, line_of
from runs.progress import SampleBegan, SampleTurned
from sandbox.base import Limits
from sandbox.slots import Slots


def state():
    slots = Slots("sandboxes", 8), Slots("tests", 2), Slots("pulls", 2)
    return BatchState(1, Commons(*slots, Paces(1), Limits()))


def test_limits_are_those_of_the_cluster_once_they_are_told():
    seen, told = state(), Bounds("sandboxes: 4 of 4, 0 wait")
    assert seen.bounds() == "sandboxes: 0 of 8, 0 wait; tests: 0 of 2, 0 wait"
    seen.take(told)
    assert seen.bounds() == "sandboxes: 4 of 4, 0 wait"
    assert line_of(told) == ""


def test_a_trajectory_that_begins_again_on_another_node_is_one():
    seen = state()
    seen.take(IssueBegan("i"))
    for _ in range(2):
        for sample in range(2):
            seen.take(IssueWent("i", SampleBegan(sample, "agent")))
    seen.take(IssueWent("i", SampleTurned(1, 0, "looks")))
    assert seen.running["i"] == "sample, 2 run; 1.0: looks"
