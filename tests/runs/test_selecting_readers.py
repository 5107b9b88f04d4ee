"""Models that read in `select`: who is asked, what that costs, and who is asked in vain."""

from __future__ import annotations

import json

import pytest

from agent.models.errors import UnknownModelError
from runs.progress import Noticed, StageBegan
from tests.runs.desk import diff, shown
from tests.runs.players import RIGHT, WRONG

READER = """
from agent import Capabilities, Reply, Usage


class Reader:
    name = "reader"
    capabilities = Capabilities()

    async def generate(self, messages, tools, sampling):
        text = "YES" if "if items else None" in messages[1].content else "NO"
        return Reply(text=text, cost=0.5, usage=Usage(input=1_000, output=1))
"""


async def test_who_reads_and_what_that_costs_is_told(desk):
    desk.put("right.diff", diff(RIGHT)).put("wrong.diff", diff(WRONG))
    (desk.folder / "reader.py").write_text(READER)
    told = []
    model = f"{desk.folder}/reader.py:Reader"
    choice = await desk.choose(told.append, rule="swe-gym", model=model, selection={"views": ["patch"]})
    stages = {one.stage: one.detail for one in told if isinstance(one, StageBegan)}
    assert stages["matrix"] == "2 candidates, 0 generated test files"
    assert stages["read"] == f"verifier:patch, verifier:digest by {model}"
    assert (choice.spent.steps, choice.spent.dollars, choice.spent.tokens) == (2, 1.0, 2_002)
    assert json.loads((desk.out / "decision.json").read_text())["spent"]["dollars"] == 1.0
    assert "spent     2 model calls, 2,002 tokens, $1.00\n" in shown(choice)
    assert (await desk.choose(rule="swe-gym", model=model)).spent == choice.spent  # as recorded


async def test_a_model_that_nobody_asks_is_named_and_one_that_is_not_there_refused(desk):
    desk.put("right.diff", diff(RIGHT))
    (desk.folder / "reader.py").write_text(READER)
    told = []
    model = f"{desk.folder}/reader.py:Reader"
    choice = await desk.choose(told.append, model=model)
    notes = [one.text for one in told if isinstance(one, Noticed)]
    assert notes[0].startswith(
        f"{model} is asked nothing by the rule vote; --rule posterior -c selection.views"
    )
    assert "spent" not in shown(choice)
    await desk.choose(told.append, model=model, rule="posterior")
    notes = [one.text for one in told if isinstance(one, Noticed)]
    assert f"{model} is asked nothing by the rule posterior; -c selection.views=[patch] lets it read" in str(
        notes
    )
    with pytest.raises(UnknownModelError):
        await desk.choose(model="no/such")


async def test_readers_that_the_rule_does_not_hear_are_told_before_anything_is_paid(desk):
    desk.put("right.diff", diff(RIGHT)).put("wrong.diff", diff(WRONG))
    (desk.folder / "reader.py").write_text(READER)
    told, model = [], f"{desk.folder}/reader.py:Reader"
    choice = await desk.choose(told.append, rule="agentless", model=model, selection={"views": ["patch"]})
    said = (
        "verifier:patch will be asked and paid, and the rule agentless does not hear it; the rule posterior"
    )
    at = next(n for n, one in enumerate(told) if isinstance(one, Noticed) and one.text.startswith(said))
    assert at < next(n for n, one in enumerate(told) if isinstance(one, StageBegan) and one.stage == "matrix")
    assert choice.spent.steps == 2
