"""A run that was cut off and goes on holds what it does again against its journal."""

from __future__ import annotations

import asyncio
import json

import pytest

from runs.journal import Journal
from runs.progress import Noticed
from tests.runs.conftest import ISSUE
from tests.runs.players import RIGHT, SUBMIT, WAIT, Stage, edit, writes

CUT = [writes("from tiny import last\n\n\ndef test_it():\n    assert last([]) is None\n"), edit(RIGHT), WAIT]
LAST = 2


async def cut_off(stage, recipe, turn=LAST):
    """Run until the model is asked for a turn, and stop there."""
    running = asyncio.create_task(stage.run(recipe, ISSUE))
    while (0, turn) not in stage.turns():
        assert not running.done(), running.result()
        await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def rewrite(path, change):
    events = [json.loads(line) for line in path.read_text().splitlines()]
    for event in events:
        change(event["kind"], event["data"])
    path.write_text("".join(json.dumps(event) + "\n" for event in events))


def falsify(kind, data):
    if kind == "observation" and data["turn"] == 1:
        data["observation"]["text"] = "error: NOT written"
    if kind == "reply":
        data["request"] = "nonsense"


@pytest.mark.timeout(300)
async def test_what_differs_is_recorded_and_told_once(tmp_path, checkout):
    stage = Stage(tmp_path, checkout)
    recipe = stage.recipe({"0": CUT}, samples=1)
    await cut_off(stage, recipe)
    rewrite(stage.journal_path, falsify)
    stage.model({"0": [*CUT[:-1], SUBMIT]})
    heard = []
    report = await stage.run(recipe, ISSUE, heard.append)
    assert "if items else None" in report.patch
    told = [one.text for one in heard if isinstance(one, Noticed)]
    begin = "sample 0 is not replayed as it was recorded"
    assert len(told) == 2
    assert told[0].startswith(f"{begin}: turn 0: what the model would be asked")
    assert told[1] == f"{begin}: turn 1: edit returned another text"
    with Journal(stage.journal_path.parent) as journal:
        found = [(event.data["turn"], event.data["text"]) for event in journal.of("divergence")]
    assert [turn for turn, _ in found] == [0, 1]
    assert found[1][1] == "edit returned another text"


PROBED = """

class Probed(Player):
    async def probe(self):
        self.capabilities = Capabilities(tools=True, context_length=16_000)
        return self.capabilities
"""


@pytest.mark.timeout(300)
async def test_a_window_that_a_server_told_once_stays_for_who_goes_on(tmp_path, checkout):
    stage = Stage(tmp_path, checkout)
    player = tmp_path / "player.py"
    player.write_text(player.read_text() + PROBED)
    cut = [*[["bash", {"command": "yes many words | head -c 15000"}]] * 5, WAIT]
    recipe = stage.recipe({"0": cut}, samples=1)
    recipe = recipe.model_copy(update={"model": recipe.model.replace(":Player", ":Probed")})
    await cut_off(stage, recipe, len(cut) - 1)
    stage.model({"0": [*cut[:-1], edit(RIGHT), SUBMIT]})
    await stage.run(recipe, ISSUE)
    assert stage.events("divergence") == []


@pytest.mark.timeout(300)
async def test_a_run_that_goes_on_as_it_was_is_told_nothing(tmp_path, checkout):
    stage = Stage(tmp_path, checkout)
    recipe = stage.recipe({"0": CUT}, samples=1)
    await cut_off(stage, recipe)
    stage.model({"0": [*CUT[:-1], SUBMIT]})
    heard = []
    await stage.run(recipe, ISSUE, heard.append)
    assert not [one for one in heard if isinstance(one, Noticed)]
    assert stage.events("divergence") == []
    assert [sorted(data["files"]) for data in stage.events("files")] == [
        ["tests/test_new.py"],
        ["tests/test_new.py", "tiny.py"],
    ]
