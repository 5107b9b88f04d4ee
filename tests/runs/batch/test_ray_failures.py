from __future__ import annotations

import asyncio
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from runs.batch.carried import Piece
from runs.batch.outcome import Failure, Outcome, Status, place_of, read_outcome, write_outcome
from runs.batch.ray_commons import Shared
from runs.batch.ray_executor import RayExecutor
from runs.journal import Journal
from runs.purse import RunPurse
from runs.recipe import Allowance
from tests.runs.acted import Actor

PAID = {"text": "a", "model": "m", "cost": 0.04, "usage": {"input": 100, "output": 10}}


class Source:
    def describe(self, instance_id):
        return {"repository": "tiny/tiny", "difficulty": "easy"}


async def test_an_issue_that_no_node_ends_keeps_what_it_has_spent_and_where_it_belongs(tmp_path):
    before = Outcome(instance_id="a/b", status=Status.INFRASTRUCTURE, tried=1, seconds=5.0)
    write_outcome(tmp_path, before)
    with Journal(place_of(tmp_path, "a/b")) as journal:
        await journal.append("reply", {"sample": 0, "turn": 0, "reply": PAID})
    executor = RayExecutor(SimpleNamespace(folder=tmp_path, source=Source()), None, 1, print, local=False)
    outcome = executor._failed("a/b", Failure.NODE, "its node was lost 4 times")
    assert outcome == read_outcome(tmp_path, "a/b")
    assert (outcome.spent.dollars, outcome.spent.tokens) == (0.04, 110)
    assert (outcome.repo, outcome.difficulty) == ("tiny/tiny", "easy")
    assert (outcome.tried, outcome.seconds, outcome.failure) == (2, 5.0, Failure.NODE)


async def test_what_cannot_be_written_here_ends_the_attempt_and_leaves_no_hole_in_its_journal(tmp_path):
    shared = Shared(Allowance(), 1, {})
    given = SimpleNamespace(folder=tmp_path, commons=SimpleNamespace(purse=RunPurse(Allowance())))
    executor = RayExecutor(given, Actor(shared), 1, print, local=True)
    (tmp_path / "i").touch()  # where a folder must be
    await shared.bring("a", "i", [Piece("journal.jsonl", 0, b"{}\n")])
    await executor.hear()
    async with asyncio.timeout(5):
        await shared.called_off("a")
    (tmp_path / "i").unlink()
    await shared.bring("a", "i", [Piece("journal.jsonl", 3, b"{}\n")])
    await executor.hear()
    assert not (tmp_path / "i").exists()
    await shared.forget("a")
    await shared.bring("a", "i", [Piece("journal.jsonl", 0, b"late\n")])
    await shared.bring("b", "i", [Piece("journal.jsonl", 0, b"next\n")])
    await executor.hear()
    assert (tmp_path / "i" / "journal.jsonl").read_bytes() == b"next\n"


@pytest.mark.skipif(find_spec("ray") is None, reason='needs pip install "mangabey[ray]"')
async def test_an_issue_fails_where_what_all_nodes_share_is_lost(tmp_path):
    import ray

    class Lost(RayExecutor):
        async def _once(self, instance_id):
            raise ray.exceptions.ActorDiedError

    executor = Lost(SimpleNamespace(folder=tmp_path, source=Source()), None, 1, print, local=False)
    outcome = await executor.run("i", [].append)
    assert outcome.failure is Failure.NODE
    assert outcome.message == "the actor that all nodes share is gone (ActorDiedError)"
