"""Whatever a server or a file has said can be kept: an odd character ends no batch."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.models.chat.failures import failure
from runs.batch.issue import Surroundings, run_issue
from runs.batch.outcome import Failure, Outcome, Status, read_outcome, read_outcomes, write_outcome
from runs.batch.summary import Files, report_of, write_report
from runs.folder import write_text
from runs.page.reading import RunShown
from runs.page.report import write_page
from tests.runs.batched import predictions, report

ANY = some.text(some.characters(exclude_categories=()))
HALF = "\ud83d"


def same(one, other):
    """Whether texts are the same; two halves of a character come back as one."""
    return one.encode("utf-16", "surrogatepass") == other.encode("utf-16", "surrogatepass")


@given(ANY, ANY)
def test_files_of_a_batch_hold_any_text(tmp_path_factory, words, patch):
    out = tmp_path_factory.mktemp("out")
    failed = Outcome(
        instance_id="a", status=Status.INFRASTRUCTURE, failure=Failure.MODEL, message=words, repo=words
    )
    chosen = Outcome(instance_id="b", status=Status.SELECTED, patch=patch, model=words, reason=words)
    for one in (failed, chosen):
        write_outcome(out, one)
    files = Files(out, [failed, chosen])
    files.write()
    write_report(out, report_of(["a", "b"], files.outcomes, None))
    known = read_outcomes(out)
    assert [one.instance_id for one in known] == ["a", "b"]
    assert same(known[0].message, words)
    assert same(known[1].patch, patch)
    assert same(predictions(out)["b"], patch)
    assert same(report(out)["messages"].get("a", ""), words)
    write_page([RunShown("run", tuple(known), {"a": out, "b": out})], out / "report.html")
    (out / "report.html").read_bytes().decode()


def test_bytes_that_are_no_text_are_written_as_they_were(tmp_path):
    write_text(tmp_path / "a", "caf\udce9")
    assert (tmp_path / "a").read_bytes() == b"caf\xe9"
    write_text(tmp_path / "b", f"caf\udce9 {HALF}")
    assert (tmp_path / "b").read_bytes().decode("utf-8", "surrogatepass") == f"caf\udce9 {HALF}"


class Refuses:
    """A source whose issues cannot be had, for a reason with half a character."""

    def ids(self):
        return ("a",)

    def describe(self, instance_id):
        return {"repository": HALF}

    async def load(self, instance_id, home):
        raise failure(
            "vllm/x", 400, json.loads(rf'{{"error": "no such emoji {json.dumps(HALF)[1:-1]}"}}'), {}
        )


@pytest.fixture
def surroundings(batches, monkeypatch):
    from runs.batch.order import Order
    from runs.batch.plan import plan
    from runs.recipe_files import read_recipe

    for key, value in batches.environment().items():
        monkeypatch.setenv(key, value)
    recipe = read_recipe("best-of-n", {"model": f"{batches.folder}/player.py:Player", "samples": 1})
    order = Order(tasks=batches.set.name, recipe=recipe)
    out = batches.folder / "out"
    commons = plan(order, out).commons()
    return Surroundings(order, Refuses(), "refuses", out, batches.folder / "home", commons)


async def test_an_error_with_half_a_character_is_an_issues_failure(surroundings):
    outcome = await run_issue(surroundings, "a", lambda progress: None)
    assert (outcome.failure, outcome.repo) == (Failure.MODEL, HALF)
    assert HALF in outcome.message
    assert read_outcome(surroundings.folder, "a") == outcome


async def test_an_outcome_that_cannot_be_written_is_its_issues_failure(surroundings):
    surroundings.folder.mkdir()
    (surroundings.folder / "a").touch()  # where its folder belongs
    outcome = await asyncio.wait_for(run_issue(surroundings, "a", lambda progress: None), 20)
    assert outcome.failure is Failure.STORAGE
    assert outcome.message.startswith("its outcome cannot be written: ")
