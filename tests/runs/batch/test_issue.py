from __future__ import annotations

from types import SimpleNamespace

from runs.batch.outcome import Failure, Outcome, Status, place_of, read_outcome, write_outcome
from runs.batch.ray_executor import RayExecutor
from runs.journal import Journal

PAID = {"text": "a", "model": "m", "cost": 0.04, "usage": {"input": 100, "output": 10}}


class Source:
    def describe(self, instance_id):
        return {"repo": "tiny/tiny", "difficulty": "easy"}


async def test_an_issue_that_no_node_ends_keeps_what_it_has_spent_and_where_it_belongs(tmp_path):
    before = Outcome(instance_id="a/b", status=Status.INFRASTRUCTURE, tried=1, seconds=5.0)
    write_outcome(tmp_path, before)
    with Journal(place_of(tmp_path, "a/b")) as journal:
        await journal.append("reply", {"sample": 0, "turn": 0, "reply": PAID})
    executor = RayExecutor(SimpleNamespace(folder=tmp_path, source=Source()), None, 1, local=False)
    outcome = executor._failed("a/b", Failure.NODE, "its node was lost 4 times")
    assert outcome == read_outcome(tmp_path, "a/b")
    assert (outcome.spent.dollars, outcome.spent.tokens) == (0.04, 110)
    assert (outcome.repo, outcome.difficulty) == ("tiny/tiny", "easy")
    assert (outcome.tried, outcome.seconds, outcome.failure) == (2, 5.0, Failure.NODE)
