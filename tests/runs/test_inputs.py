"""Inputs on which programs disagree that no test tells apart: found without a model, kept and shown."""

from __future__ import annotations

import json

import pytest

from runs.decision import Decision
from runs.journal import Journal
from tests.interpreter import lean_python
from tests.runs.conftest import ISSUE
from tests.runs.desk import Desk, diff, shown
from tests.runs.players import FIRST, RIGHT, TUPLE, WRONG

HASTY = "    return max(items) if items else None\n"
"""The same for lists that grow, and tests have no other."""
SILENT = '''"""Never has a test to offer."""

from agent import Capabilities, Reply


class Silent:
    name = "silent"
    capabilities = Capabilities()

    async def generate(self, messages, tools, sampling):
        assert "last([2, 1]): " in messages[1].content
        return Reply(text="none")
'''


@pytest.fixture
def desk(tmp_path, checkout):
    return Desk(tmp_path, checkout).put("right.diff", diff(RIGHT, FIRST)).put("hasty.diff", diff(HASTY))


def searches(desk):
    """What searches for inputs the journal holds."""
    with Journal(desk.journal) as journal:
        cells = [event.data["cell"] for event in journal.of("cell")]
    return [cell["differences"] for cell in cells if "differences" in cell]


def test_select_shows_where_programs_disagree_that_no_test_tells_apart(desk, mangabey):
    done = mangabey(
        *("select", "--repo", desk.checkout, "--issue", ISSUE, "--python", lean_python()),
        *("--sandbox", "daemonless", "--out", desk.out, "--candidates", *desk.files),
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    names = {"A": "right.diff", "B": "hasty.diff"}
    if "A (hasty.diff)" in done.stdout:
        names = {"A": "hasty.diff", "B": "right.diff"}
    at = lines.index(f"no test tells A ({names['A']}), B ({names['B']}) apart, but:")
    given = "  last([2, 1]) [tests/test_tiny.py::test_last, with [2, 1] in place of [1, 2]]"
    where = next(n for n in range(at + 1, at + 7) if lines[n][:60] == given[:60])
    right = next(name for name, origin in names.items() if origin == "right.diff")
    told = {"A": "    -> A, base: 1; B: 2", "B": "    -> A: 2; B, base: 1"}
    assert lines[where + 1] == told[right]
    came_to = {"right.diff": "1", "hasty.diff": "2"}
    again = mangabey("select", "--resume", desk.out, "--json")
    decision = json.loads(again.stdout)["decision"]
    clusters = {line["origin"]: line["cluster"] for line in decision["lines"]}
    found = {one["input"]: one for one in decision["differences"]}["last([2, 1])"]
    assert found["values"] == {clusters[name]: value for name, value in came_to.items()}
    assert "tests/test_tiny.py::test_last, with [2, 1] in place of [1, 2]" in found["where"]
    assert "last([2, 1])" in found["program"]
    del decision["differences"]  # as journals of older versions have it
    assert Decision.model_validate(decision).differences == ()


async def test_nothing_is_looked_for_where_a_test_tells_or_nobody_wants_it(desk):
    assert (await desk.choose(selection={"inputs": 0})).decision.differences == ()
    assert searches(desk) == []
    desk.out, desk.files = desk.folder / "told", []
    desk.put("right.diff", diff(RIGHT, FIRST)).put("wrong.diff", diff(WRONG, TUPLE, "test_tuple"))
    choice = await desk.choose()
    assert choice.decision.differences == ()
    assert searches(desk) == []
    assert "no test tells" not in shown(choice)


async def test_programs_are_compared_where_no_test_speaks_and_nothing_is_chosen(desk):
    desk.files = []
    desk.put("right.diff", diff(RIGHT)).put("hasty.diff", diff(HASTY))
    choice = await desk.choose()
    assert not choice.succeeded
    assert "last([2, 1])" in {one.input for one in choice.decision.differences}


async def test_what_readers_were_shown_is_not_looked_for_again(desk):
    (desk.folder / "silent.py").write_text(SILENT)
    choice = await desk.choose(
        models={"select": f"{desk.folder}/silent.py:Silent"}, selection={"differences": True}
    )
    assert choice.decision.trouble == ()
    assert "last([2, 1])" in {one.input for one in choice.decision.differences}
    assert len(searches(desk)) == 1


async def test_a_search_that_fails_costs_no_decision(desk, monkeypatch):
    async def failing(*_, **__):
        raise ValueError("a program that nobody can read")

    monkeypatch.setattr("runs.inputs.differing_inputs", failing)
    choice = await desk.choose()
    assert choice.succeeded
    assert choice.decision.trouble == (
        "looking for inputs failed: ValueError: a program that nobody can read",
    )
