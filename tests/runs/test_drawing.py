"""Crews and rounds on a tiny package, in real sandboxes, with a scripted model."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from agent.kinds import KINDS, run_agent
from agent.messages import Attempt, Reply, Usage
from agent.played import played
from runs.earlier import recorded_attempts
from runs.failures import UsageError, describe
from runs.journal import Journal
from runs.progress import StageBegan
from runs.replies import JournalReplies
from runs.report import read_report
from runs.sampling import MistakeError
from tests.runs.conftest import ISSUE
from tests.runs.players import (
    ALSO_RIGHT,
    FIRST,
    LISTS_ONLY,
    RIGHT,
    SUBMIT,
    TUPLE,
    WAIT,
    WRONG,
    Stage,
    edit,
    fix,
    writes,
)

ONE_WRONG = {0: fix(RIGHT), 1: fix(WRONG), 2: fix(RIGHT)}


@pytest.fixture
def stage(tmp_path, checkout):
    return Stage(tmp_path, checkout)


def rounds(report):
    return [one.samples for one in report.rounds]


async def test_a_fixed_recipe_draws_all_of_its_crews_and_tells_what_set_them_apart(stage):
    script = ONE_WRONG | {3: [writes(TUPLE, "test_tuple"), SUBMIT]}
    crews = [{"samples": 3, "temperature": 0.6}, {"kind": "tester", "samples": 1, "greedy_first": False}]
    report = await stage.run(stage.recipe(script, crews=crews), ISSUE)
    assert report.decision.winner is not None
    assert "items[-1] if items else None" in report.patch
    drawn = {line.sample: line.drawn for line in report.samples}
    assert [drawn[n].temperature for n in range(4)] == [0.0, 0.6, 0.6, 0.8]
    assert [drawn[n].kind for n in range(4)] == ["tool-agent"] * 3 + ["tester"]
    assert {(sample, heat) for sample, _, heat, _ in stage.asked()} == {
        (0, 0.0),
        (1, 0.6),
        (2, 0.6),
        (3, 0.8),
    }
    assert rounds(report) == [(0, 1, 2, 3)]
    # the tester's file judges everybody, under its name, and the tester is no candidate
    assert {line.origin for line in report.decision.lines} == {"sample 0", "sample 1", "sample 2"}
    columns = {column.target: column.authors for column in report.decision.columns}
    assert columns["tests/test_tuple.py::test_empty_tuple"] == ("sample 3",)
    assert report.diversity.trajectories == 3
    assert report.diversity.clusters == 2
    assert report.diversity.per_trajectory == pytest.approx(0.667)


async def test_refiners_come_after_the_others_and_start_from_what_those_left(stage):
    script = {0: fix(WRONG), 1: fix(LISTS_ONLY, TUPLE), 2: fix(RIGHT), 3: fix(ALSO_RIGHT)}
    crews = [{"samples": 2}, {"kind": "refiner", "samples": 2, "round": 2, "earlier": 1}]
    report = await stage.run(stage.recipe(script, crews=crews), ISSUE)
    assert rounds(report) == [(0, 1), (2, 3)]
    assert [line.drawn.round for line in report.samples] == [1, 1, 2, 2]
    with Journal(stage.journal_path.parent) as journal:
        told = [recorded_attempts(journal, sample) for sample in (2, 3)]
        assert recorded_attempts(journal, 0) is None
    assert [len(attempts) for attempts in told] == [1, 1]
    (first,), (second,) = told
    # each begins with another program; what speaks against it comes from all authors and the repository
    assert (first.sample, second.sample) == (1, 0)
    assert "tests/test_new.py::test_empty_tuple: failed" in first.failures
    assert "tests/test_tiny.py::test_last: failed (it passes without the patch)" in second.failures
    assert [test.path for test in first.tests] == ["tests/test_new.py"]
    assert "IndexError" in first.tests[0].output
    assert first.exit_reason == "submitted"
    assert "done" in first.summary
    assert first.patch.startswith("diff --git a/tiny.py")
    assert "sample 2" in {line.origin for line in report.decision.lines if not line.rejected}


async def test_an_adaptive_recipe_stops_when_the_lead_is_safe(stage):
    crews = [{"samples": 6}]
    recipe = stage.recipe({n: fix(RIGHT) for n in range(6)}, crews=crews, rounds={"first": 2, "more": 2})
    said = []
    report = await stage.run(recipe, ISSUE, said.append)
    assert rounds(report) == [(0, 1), (2, 3), ()]
    assert "4 candidates behave like the lead: 2 more cannot overtake it" in report.rounds[-1].reason
    assert {sample for sample, _ in stage.turns()} == {0, 1, 2, 3}
    assert report.decision.winner is not None
    details = [one.detail for one in said if isinstance(one, StageBegan) and one.stage == "sample"]
    assert details[0] == "round 1: 2 tool-agent"
    assert details[1] == "round 2: 2 tool-agent (the lead can be overtaken)"
    assert details[2].startswith("ends: 4 candidates behave like the lead")


async def test_rounds_go_to_testers_then_to_refiners_then_end(stage):
    """Two programs that no test tells apart; a tester does; the best fails its test; a refiner passes all."""
    script = {
        0: fix(LISTS_ONLY),
        1: fix("    if items == []:\n        return None\n    return items[-1]\n"),
        2: [writes(TUPLE, "test_tuple"), SUBMIT],
        3: fix(RIGHT),
        4: fix(RIGHT),
    }
    crews = [
        {"samples": 2},
        {"kind": "tester", "samples": 1},
        {"kind": "refiner", "samples": 2},
    ]
    recipe = stage.recipe(script, crews=crews, rounds={"first": 2, "more": 1})
    report = await stage.run(recipe, ISSUE)
    assert rounds(report) == [(0, 1), (2,), (3,), (4,)]
    assert [one.reason for one in report.rounds] == [
        "",
        "tests do not tell the best apart",
        "the best fails something",
        "the lead can be overtaken",
    ]
    assert "items[-1] if items else None" in report.patch
    with Journal(stage.journal_path.parent) as journal:
        (attempt, *_) = recorded_attempts(journal, 3)
    assert "tests/test_tuple.py::test_empty_tuple: failed" in attempt.failures
    cells = [event["key"] for event in stage.events("cell")]
    assert len(cells) == len(set(cells))


async def test_what_still_runs_when_the_lead_is_safe_is_called_off_and_keeps_its_diff(stage):
    script = {n: fix(RIGHT) for n in range(3)} | {3: [edit(WRONG), WAIT], 4: [WAIT]}
    recipe = stage.recipe(script, samples=5, parallel=5, rounds={"first": 5})
    report = await asyncio.wait_for(stage.run(recipe, ISSUE), 120)
    assert "return items[-1] if items else None" in report.patch
    ended = {line.sample: line.exit_reason for line in report.samples}
    assert ended == {0: "submitted", 1: "submitted", 2: "submitted", 3: "cancelled", 4: "cancelled"}
    diffs = {event["sample"]: event["trajectory"]["diff"] for event in stage.events("trajectory")}
    assert "return None" in diffs[3]
    assert {line.origin for line in report.decision.lines} == {"sample 0", "sample 1", "sample 2"}
    assert (report.diversity.trajectories, report.diversity.clusters) == (3, 1)
    asked = stage.turns()
    again = await stage.run(recipe, ISSUE)
    assert (again, stage.turns()) == (report, asked)
    # killed between the decision to call off and the record of what was called off
    cut(stage, lambda kind, data: kind == "called_off")
    again = await asyncio.wait_for(stage.run(recipe, ISSUE), 120)
    assert again.decision == report.decision
    assert stage.turns() == asked
    ended = {line.sample: line.exit_reason for line in again.samples}
    assert ended == {0: "submitted", 1: "submitted", 2: "submitted", 3: "cancelled"}
    diffs = {event["sample"]: event["trajectory"]["diff"] for event in stage.events("trajectory")}
    assert "return None" in diffs[3]


async def test_the_budget_of_the_issue_ends_running_trajectories_and_begins_no_other(stage):
    script = {n: fix(RIGHT) for n in range(4)}
    recipe = stage.recipe(script, samples=4, parallel=2, budget={"dollars": 1.0})
    report = await stage.run(recipe, ISSUE)
    assert {line.sample: line.exit_reason for line in report.samples} == {0: "cost_limit", 1: "cost_limit"}
    assert "the issue's $1.00 are used" in report.samples[0].message
    assert report.cost == pytest.approx(1.0)
    assert "items[-1] if items else None" in report.patch  # what was done in time counts
    asked = stage.turns()
    cut(stage, lambda kind, data: kind == "observation", number=-1)
    again = await stage.run(recipe, ISSUE)
    assert stage.turns() == asked
    assert again.decision == report.decision


async def test_a_used_up_budget_plans_no_further_round(stage):
    script = {n: fix(RIGHT) for n in range(6)}
    recipe = stage.recipe(script, samples=6, rounds={"first": 2, "more": 2}, budget={"tokens": 300})
    report = await stage.run(recipe, ISSUE)
    assert rounds(report) == [(0, 1), ()]
    assert report.rounds[-1].reason == "the issue's 300 tokens are too few for one more call"


def cut(stage, last, number=0):
    """Leave of a journal what was there when a process was killed right after the first such event."""
    path = stage.journal_path
    with Journal(path.parent) as journal:
        lines = [n for n, event in enumerate(journal.events) if last(event.kind, event.data)]
    cut_after(path, lines[number] + 1)


def cut_after(path, lines):
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]))


@pytest.mark.timeout(600)  # five trajectories, and most of them three times more
async def test_killed_at_any_event_an_adaptive_run_ends_the_same_and_asks_nothing_again(stage):
    script = {
        0: fix(LISTS_ONLY),
        1: fix("    if items == []:\n        return None\n    return items[-1]\n"),
        2: [writes(TUPLE, "test_tuple"), SUBMIT],
        3: fix(RIGHT),
        4: fix(RIGHT),
    }
    crews = [{"samples": 2}, {"kind": "tester", "samples": 1}, {"kind": "refiner", "samples": 2}]
    recipe = stage.recipe(script, crews=crews, rounds={"first": 2, "more": 2})
    calm = await stage.run(recipe, ISSUE)
    assert rounds(calm) == [(0, 1), (2,), (3, 4)]
    with Journal(stage.journal_path.parent) as journal:
        kinds = [event.kind for event in journal.events]
    whole, saved = stage.out, stage.folder / "saved"
    shutil.copytree(whole, saved)
    # after the last event of these kinds: whatever came behind it is done again
    ends = [len(kinds) - kinds[::-1].index(kind) for kind in ("earlier", "reply")]
    for lines in [kinds.index("trajectory") + 1, *ends]:
        shutil.rmtree(whole)
        shutil.copytree(saved, whole)
        cut_after(stage.journal_path, lines)
        with Journal(stage.journal_path.parent) as journal:
            known = {(event.data["sample"], event.data["turn"]) for event in journal.of("reply")}
        (stage.folder / "asked").unlink(missing_ok=True)
        again = await stage.run(recipe, ISSUE)
        assert again.decision == calm.decision, kinds[lines - 1]
        assert again.rounds == calm.rounds, kinds[lines - 1]
        assert not known & set(stage.turns()), kinds[lines - 1]
        assert known | set(stage.turns()) == {
            *((sample, turn) for sample in (0, 1, 3, 4) for turn in range(3)),
            *((2, turn) for turn in range(2)),
        }


async def test_an_unknown_kind_is_refused_before_anything_is_paid(stage):
    recipe = stage.recipe({}, kind="tool-agnet")
    with pytest.raises(
        UsageError, match="there is no kind of trajectory 'tool-agnet'; did you mean tool-agent"
    ):
        await stage.run(recipe, ISSUE)


async def test_tests_reach_the_others_through_the_shelf_unless_they_work_alone(stage, monkeypatch):
    """Kinds that share: the first lays its test down, the others say what they see."""
    from agent.shelf import SharedTest

    seen = {}

    async def sharing(given):
        sample = given.sampling.sample
        if sample == 2:
            await given.shelf.put(SharedTest("tests/test_new.py", FIRST, sample, "E"))
        seen[sample] = [test.author for test in given.shelf.tests()]
        base = await given.base.run("tests/test_shared.py", FIRST)
        assert base.fails()
        return await run_agent(given)

    for kind in ("tool-agent", "tester"):
        monkeypatch.setitem(KINDS, kind, sharing)
    crews = [
        {"samples": 1, "round": 2},
        {"samples": 1, "round": 2, "share_tests": False},
        {"kind": "tester", "samples": 2},
        {"samples": 1, "round": 2, "share_tests": False, "seed_test": True},
        {"samples": 1, "round": 2, "seed_test": True},
    ]
    script = {n: fix(RIGHT) for n in (0, 1, 4, 5)} | {n: [writes(FIRST), SUBMIT] for n in (2, 3)}
    report = await stage.run(stage.recipe(script, crews=crews, parallel=1), ISSUE)
    assert seen == {2: [], 3: [2], 0: [2], 1: [], 4: [2], 5: [2]}
    assert [line.drawn.seed_test for line in report.samples if line.sample in (0, 4, 5)] == [
        "",
        *["sample 2"] * 2,
    ]
    opened = {sample: message for sample, turn, _, message in stage.asked() if turn == 0}
    assert [sample for sample, message in opened.items() if FIRST.rstrip() in message] == [4, 5]


async def test_a_mistake_in_one_kind_ends_its_trajectory_and_no_other(stage, monkeypatch):
    async def mistaken(talk):
        await talk.given.sandbox.write("tiny.py", f"def last(items):\n{RIGHT}".encode())
        return {}["fix"]

    async def playing(given):
        return await played(given, mistaken)

    async def outside(given):
        raise TypeError("nobody plays this")

    monkeypatch.setitem(KINDS, "test-and-edit", playing)
    monkeypatch.setitem(KINDS, "tester", outside)
    crews = [{"samples": 1}, {"kind": "test-and-edit", "samples": 1}, {"kind": "tester", "samples": 1}]
    report = await stage.run(stage.recipe({0: fix(WRONG)}, crews=crews), ISSUE)
    ended = {line.sample: (line.exit_reason, line.message) for line in report.samples}
    assert ended[0][0] == "submitted"
    assert ended[1][0] == ended[2][0] == "error"
    assert ended[1][1].startswith("KeyError: 'fix' (tests/runs/test_drawing.py:")
    assert ended[1][1].endswith(" in mistaken)")
    assert ended[2][1].startswith("TypeError: nobody plays this (tests/runs/test_drawing.py:")
    # what it had changed is a candidate like any other
    kept = {one["sample"]: one["trajectory"]["diff"] for one in stage.events("trajectory")}
    assert "+    return items[-1] if items else None" in kept[1]
    assert "sample 1" in {line.origin for line in report.decision.lines if line.changed_lines}


async def test_where_all_end_by_a_mistake_the_run_says_so(stage, monkeypatch):
    async def outside(given):
        raise TypeError("nobody plays this")

    monkeypatch.setitem(KINDS, "tool-agent", outside)
    with pytest.raises(MistakeError, match="all 1 trajectories ended with error: TypeError: nobody plays"):
        await stage.run(stage.recipe({}, samples=1), ISSUE)
    told = describe(MistakeError("all ended"))
    assert told == ("all ended", 1)


async def test_what_reading_for_all_cost_is_in_the_report(stage):
    report = await stage.run(stage.recipe({0: fix(RIGHT)}, samples=1), ISSUE)
    with Journal(stage.journal_path.parent) as journal:
        read = Reply(text="relevant", cost=0.5, usage=Usage(input=1000, output=7))
        await JournalReplies(journal, "context").put("a", read)
        failed = Attempt(error="Gone", message="503", seconds=1.0, cost=0.25, usage=Usage(input=3))
        await JournalReplies(journal, "context").put_failure("b", (failed,), "gone")
        again = read_report(journal)
        await JournalReplies(journal, "context").put("c", Reply(text="of no known price"))
        unknown = read_report(journal)
    assert again.cost == report.cost + 0.75
    assert again.usage.input == report.usage.input + 1003
    assert again.usage.output == report.usage.output + 7
    assert unknown.cost is None
