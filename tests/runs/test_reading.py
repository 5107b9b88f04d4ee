"""Readers inside a run: asked once, charged to the issue's budget, and never the end of it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from agent.context.asking import Asker
from agent.messages import Attempt, Message, Reply, Sampling, Usage
from agent.models.base import Capabilities
from agent.models.errors import ModelError
from agent.models.scripted import ScriptedModel
from agent.trajectory import ExitReason, Observation, Trajectory
from envs.outcomes import Outcome
from envs.task import PublicTask
from runs.commons import Commons, Paces
from runs.failures import UsageError
from runs.journal import Journal
from runs.ledger import Ledger, RunSpentError
from runs.purse import RunPurse
from runs.reading import Shared, read_candidates_of, steps_by_candidate
from runs.recipe import Allowance, Recipe
from runs.recipe_files import packaged, read_recipe
from runs.recorded import record
from runs.replies import JournalReplies
from runs.tape import JournalTape
from runs.variation import Variation
from sandbox.base import Limits
from sandbox.slots import Slots
from selection.candidate import Candidate
from selection.cells import MemoryCells
from selection.clusters import Clusters
from selection.evidence import Evidence
from selection.matrix import BASE, TestCase
from selection.settings import SelectionSettings
from selection.verifiers.digest import digest
from tests.interpreter import lean_python
from tests.runs.conftest import ISSUE
from tests.selection.rules.made import candidate_of, gathered, patch_of, scripts_passed

READER = """
import os
from pathlib import Path

from agent import Capabilities, Reply


class Reader:
    name = "reader"
    capabilities = Capabilities()

    async def generate(self, messages, tools, sampling):
        with Path(os.environ["CALLS"] + "-read").open("a") as file:
            file.write("x")
        text = messages[1].content
        if "Which candidate" in text:
            return Reply(text="B is fine\\nA", cost=0.5)
        if "<digest>" in text:
            assert "done" not in text.partition("<digest>")[2].partition("</digest>")[0]
            return Reply(text="hm", cost=0.5)
        return Reply(text="YES" if "if items else None" in text.partition("<patch>")[2] else "NO", cost=0.5)
"""


def read(tmp_path):
    path = tmp_path / "calls-read"
    return len(path.read_text()) if path.exists() else 0


def order(checkout, actor, tmp_path, *more):
    (tmp_path / "reader.py").write_text(READER)
    models = f"{actor},verify={tmp_path}/reader.py:Reader,select={tmp_path}/reader.py:Reader"
    return [
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", models, "--samples", 2),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out", tmp_path / "run"),
        *("-c", "selection.views=[patch,digest]", "-c", "selection.groups=2", "-c", "selection.votes=2"),
        *more,
    ]


def test_readers_are_asked_once_and_what_they_say_is_recorded(mangabey, checkout, actor, tmp_path):
    done = mangabey(*order(checkout, actor, tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    # two programs, of which one breaks a test and is not voted on: a patch and a digest of each
    paid = read(tmp_path)
    assert paid == 4
    assert json.loads(done.stdout)["cost"] == 8 * 0.25 + 4 * 0.5
    assert "verifier:patch, verifier:digest, trae will be asked and paid, and the rule vote" in done.stderr
    (folder,) = (path.parent for path in (tmp_path / "run").glob("*/journal.jsonl"))
    lines = (folder / "journal.jsonl").read_text().splitlines(keepends=True)
    events = [json.loads(line) for line in lines]
    said = [event for event in events if event["kind"] == "selection_reply"]
    assert len(said) == paid
    assert {event["data"]["request"].split()[1].split("/")[0] for event in said} == {
        "verifier:patch",
        "verifier:digest",
    }
    # killed between the last reply and the decision
    last = max(number for number, event in enumerate(events) if event["kind"] == "selection_reply")
    (folder / "journal.jsonl").write_text("".join(lines[: last + 1]))
    again = mangabey("solve", "--resume", tmp_path / "run", "--json")
    assert again.returncode == 0, again.stderr
    assert read(tmp_path) == paid
    assert json.loads(again.stdout)["decision"] == json.loads(done.stdout)["decision"]


def test_a_used_up_budget_leaves_candidates_unread_and_the_run_whole(mangabey, checkout, actor, tmp_path):
    done = mangabey(*order(checkout, actor, tmp_path, "-c", "budget.dollars=1.9"), "--json")
    assert done.returncode == 0, done.stderr
    assert read(tmp_path) == 0
    assert "$1.90" in done.stderr
    assert json.loads(done.stdout)["decision"]["patch"]


async def test_the_ledger_counts_readers_and_stops_them(tmp_path):
    told = (Message(role="user", content="?"),)
    with Journal(tmp_path) as journal:
        replies = JournalReplies(journal, "selection")
        ledger = Ledger(journal, Allowance(dollars=1.0))
        paid = Reply(text="a", cost=1.5, usage=Usage(input=7, output=2))
        asker = Asker(ScriptedModel([paid, Reply(text="b")]), replies, common=Shared(ledger))
        await ledger.call_off("the lead is safe")  # ends trajectories, not readers
        assert await asker.reply(told, Sampling()) == paid
        assert await asker.reply(told, Sampling(sample=1)) is None
        assert "$1.00 are used" in asker.trouble
        assert (ledger.spent.dollars, ledger.spent.input + ledger.spent.output) == (1.5, 9)
    with Journal(tmp_path) as journal:
        assert Ledger(journal, Allowance(dollars=1.0)).used_up() is not None


class Costly:
    """A model whose calls fail and cost a dollar."""

    name, capabilities = "costly", Capabilities()

    def __init__(self):
        self.calls = 0

    async def generate(self, messages, tools, sampling):
        self.calls += 1
        await asyncio.sleep(0.01)
        error = ModelError("truncated JSON")
        usage = Usage(input=100, output=10)
        error.attempts = (Attempt(error="server", message="x", seconds=1.0, cost=1.0, usage=usage),)
        raise error


async def test_failed_calls_side_by_side_do_not_overshoot(tmp_path):
    with Journal(tmp_path) as journal:
        ledger, model = Ledger(journal, Allowance(dollars=1.0)), Costly()
        asker = Asker(model, JournalReplies(journal, "selection"), common=Shared(ledger))
        asked = [(Message(role="user", content=f"{number}?"),) for number in range(6)]
        await asyncio.gather(*(asker.reply(one, Sampling()) for one in asked))
        assert (model.calls, ledger.spent.dollars) == (1, 1.0)


async def test_readers_in_a_batch_keep_the_pace_and_the_purse_of_all(tmp_path, monkeypatch):
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    (tmp_path / "reader.py").write_text(READER)
    name = f"{tmp_path}/reader.py:Reader"
    recipe = Recipe(models={"verify": name}, selection=SelectionSettings(views=("patch",)))
    task = PublicTask("t", "tiny", "c", "wrong", "/testbed", "pytest")
    patch = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-x\n+y\n"
    pool = (Candidate("a", patch), Candidate("b", patch.replace("+y", "+z")))
    evidence = Evidence("t", candidates=pool, clusters=Clusters({"1": ("a",), "2": ("b",)}))
    slots, limits = Slots("all", 1), Limits()
    commons = Commons(slots, slots, slots, Paces(4), limits, RunPurse(Allowance(steps=1)))
    with Journal(tmp_path / "run") as journal:
        given = (task, None, evidence, recipe, journal, MemoryCells(), [].append, commons)
        with pytest.raises(ExceptionGroup) as ended:
            await read_candidates_of(*given)
        assert ended.group_contains(RunSpentError)
        assert (read(tmp_path), commons.purse.total.steps) == (1, 1)
        assert list(commons.paces.by_endpoint) == [name]
        further = replace(commons, purse=RunPurse(Allowance(steps=9)))
        found = await read_candidates_of(*given[:-1], further)
        assert len(found.evidence.scores("verifier:patch")) == read(tmp_path) == 2


@pytest.mark.parametrize(("rule", "met"), [("codemonkeys", {"a", "b"}), ("posterior", {"b", "c"})])
async def test_the_duel_of_a_rule_with_finalists_is_between_these(tmp_path, monkeypatch, rule, met):
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    (tmp_path / "reader.py").write_text(READER)
    select = f"{tmp_path}/reader.py:Reader"
    recipe = Recipe(rule=rule, models={"select": select}, selection=SelectionSettings(duel=2, turns=2))
    pool = tuple(candidate_of(patch_of(number), name) for number, name in enumerate("abc"))
    clusters = gathered(list(pool), {one.id: number for number, one in enumerate(pool)})
    rows = [clusters.key_of(one.id) for one in pool]
    matrix = scripts_passed(clusters, {rows[0]: 3, rows[1]: 2, rows[2]: 1}, ("x",))
    guard = TestCase("tests/test_calc.py::test", None, "tests/test_calc.py::test")
    kept = {(guard.id, row): Outcome.PASSED for row in (BASE, *rows[1:])}  # the first breaks it
    matrix = replace(matrix, tests=(*matrix.tests, guard), outcomes={**matrix.outcomes, **kept})
    known = Evidence("t", candidates=pool, clusters=clusters, matrix=matrix)
    task = PublicTask("t", "tiny", "c", "wrong", "/testbed", "pytest")
    with Journal(tmp_path / "run") as journal:
        found = await read_candidates_of(task, object(), known, recipe, journal, MemoryCells(), [].append)
    shown = {known.candidate(id_).origin for one in found.evidence.comparisons for id_ in one.shown}
    assert shown == met


@pytest.mark.parametrize("name", packaged())
def test_readers_of_packaged_recipes_need_a_model_that_reads(name):
    recipe = read_recipe(name)
    assert isinstance(recipe, Recipe)
    assert recipe.selection.asks == (name in {"codemonkeys", "r2e-hybrid"})
    assert recipe.model_for("verify").startswith("builtin/")


async def test_a_judges_text_that_cannot_be_read_is_said_before_anything_is_asked(tmp_path):
    (tmp_path / "reader.py").write_text(READER)
    recipe = Recipe(
        models={"verify": f"{tmp_path}/reader.py:Reader"},
        selection=SelectionSettings(views=("digest",), format="judgement", system=f"{tmp_path}/none.txt"),
    )
    task = PublicTask("t", "tiny", "c", "wrong", "/testbed", "pytest")
    with (
        Journal(tmp_path / "run") as journal,
        pytest.raises(UsageError, match=r"selection\.system: .*none.txt"),
    ):
        await read_candidates_of(task, None, Evidence("t"), recipe, journal, MemoryCells(), [].append)


def test_every_documented_default_of_readers_is_the_resolved_one():
    page = (Path(__file__).parent.parent.parent / "docs" / "verifiers.md").read_text()
    table = page.split("## What the recipe key `selection` holds\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| `")]
    documented = {key.strip("`"): yaml.safe_load(default.strip("`")) for key, default, _ in rows}
    assert documented == SelectionSettings().model_dump(mode="json")


async def test_the_digest_of_a_trajectory_that_spoke_a_dialect_has_its_actions(tmp_path):
    said = "I know it.\n<function=bash>\n<parameter=command>ls</parameter>\n</function>"
    with Journal(tmp_path) as journal:
        tape = JournalTape(journal, 0)
        await tape.keep_reply(0, Reply(text=said), "k")
        await tape.keep_observation(0, 0, Observation(call_id="x", text="tiny.py"))
        ended = Trajectory(sample=0, model="m", exit_reason=ExitReason.STEP_LIMIT, diff="")
        await record(ended, Variation(kind="tool-agent", round=1, model="m", temperature=0.0), journal)
        one = Candidate("a", "", origin="sample 0")
        found = steps_by_candidate(Evidence("t", candidates=(one, Candidate("b", ""))), journal)
    assert set(found) == {"a"}
    assert digest(found["a"], "step_limit") == "[1] $ ls\ntiny.py\n[end] step limit"
