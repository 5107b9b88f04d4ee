"""Choosing among candidates from anywhere, on the tiny package."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from agent.trajectory import ExitReason, Trajectory
from envs.task import Environment, Task
from runs.candidates import read_from_anywhere
from runs.job import Job
from runs.journal import Journal
from runs.judging import EVIDENCE, JournalCells
from runs.progress import Noticed
from runs.recipe import Recipe
from runs.recorded import record
from runs.selecting import find
from runs.variation import Variation
from selection import rules
from selection.evidence_file import read_evidence
from selection.feature_verifier import shipped
from selection.features import measure
from selection.pool import PoolError
from selection.rules import Rule
from selection.verdict import Ranked, Selection
from tests.interpreter import lean_python
from tests.runs.conftest import ISSUE
from tests.runs.desk import diff, shown
from tests.runs.players import ALSO_RIGHT, FIRST, OLD, RIGHT, TUPLE, WRONG


def no_sandbox(*_):
    raise AssertionError("a sandbox was asked for")


async def test_the_right_one_is_chosen_and_kept_and_not_chosen_again(desk, monkeypatch):
    desk.put("right.diff", diff(RIGHT, FIRST))
    predictions = [{"instance_id": "x", "model_name_or_path": "m", "model_patch": diff(WRONG)}] * 2
    desk.put("preds.jsonl", "".join(json.dumps(one) + "\n" for one in predictions))
    desk.put("also.patch", diff(ALSO_RIGHT, TUPLE, "test_tuple"))
    choice = await desk.choose()
    lines = {line.origin: line for line in choice.decision.lines}
    assert choice.succeeded
    assert lines["m (preds.jsonl:1)"].cluster == lines["m (preds.jsonl:2)"].cluster
    assert "breaks tests/test_tiny.py::test_last" in lines["m (preds.jsonl:1)"].rejected
    assert "if items else None" in choice.patch or "len(items)" in choice.patch
    prediction = json.loads((desk.out / "preds.jsonl").read_text())
    assert prediction == {
        "instance_id": choice.instance_id,
        "model_name_or_path": "mangabey/vote",
        "model_patch": choice.patch,
    }
    assert (
        json.loads((desk.out / "decision.json").read_text())["decision"]["winner"] == choice.decision.winner
    )
    evidence = next(read_evidence(desk.journal / EVIDENCE))
    assert {one.origin for one in evidence.candidates} == set(lines)
    text = shown(choice)
    assert max(map(len, text.splitlines())) <= 80
    assert "not fitted" in text
    monkeypatch.setattr("sandbox.hosts.open_host", no_sandbox)
    assert await desk.choose() == choice


async def test_few_blank_and_broken_candidates_are_answered_for(desk):
    desk.put("blank.diff", "").put("other.diff", diff(test=FIRST))
    choice = await desk.choose()
    assert not choice.succeeded
    assert choice.decision.reason == "abstains: of 2 candidates, none changes a source file"
    assert shown(choice)
    desk.out = desk.folder / "second"
    desk.put("broken.diff", diff(RIGHT).replace("-    return items[-1]", "-    return items[7]"))
    choice = await desk.choose()
    assert choice.decision.reason == "abstains: of 3 candidates, no patch applies"
    assert "--rule posterior" not in shown(choice)
    desk.out, desk.files = desk.folder / "third", []
    desk.put("right.diff", diff(RIGHT))
    choice = await desk.choose()
    assert "no candidate brought a test" in choice.decision.reason
    assert "--rule posterior, the default, goes by existing tests" in shown(choice)
    desk.out = desk.folder / "fourth"
    choice = await desk.choose(rule="majority-patch")
    assert choice.succeeded
    assert shown(choice)


async def test_no_candidate_at_all_is_a_choice_too(desk):
    desk.put("empty.traj", json.dumps({"trajectory": [], "info": {}}))
    choice = await desk.choose()
    assert not choice.succeeded
    desk.out, desk.files = desk.folder / "none", []
    assert (await desk.choose()).decision.reason == "abstains: there are no candidates"


@pytest.mark.parametrize("after", [1, 3, 5, 7])
async def test_a_matrix_interrupted_at_a_cell_goes_on_and_repeats_none(desk, monkeypatch, after):
    desk.put("right.diff", diff(RIGHT, FIRST)).put("wrong.diff", diff(WRONG, TUPLE, "test_tuple"))
    put, keys = JournalCells.put, []

    async def stopping(self, key, value):
        await put(self, key, value)
        keys.append(key)
        if len(keys) == after:
            choosing.cancel()

    monkeypatch.setattr(JournalCells, "put", stopping)
    choosing = asyncio.create_task(desk.choose())
    with pytest.raises(asyncio.CancelledError):
        await choosing
    assert len(keys) <= after + 1  # a row beside it may have ended a cell meanwhile
    choice = await desk.choose()
    assert "if items else None" in choice.patch
    assert len(keys) == len(set(keys))
    with Journal(desk.journal) as journal:
        recorded = [event.data["key"] for event in journal.of("cell")]
    assert len(recorded) == len(set(recorded))
    assert set(keys) <= set(recorded)


def sure(probability):
    def choose_first(evidence):
        first = evidence.candidates[0]
        key = evidence.clusters.key_of(first.id)
        ranking = tuple(
            Ranked(one.id, evidence.clusters.key_of(one.id), 0.0, ()) for one in evidence.candidates
        )
        return Selection(
            "sure",
            ranking,
            first.id,
            "the first",
            probability,
            clusters=evidence.clusters.members,
            probabilities={key: probability, "untested": 0.9},  # likelier, and not the rule's choice
            none_right=0.35,  # several can be right: it is no remainder
        )

    return Rule(
        "sure", "the first", "a test", choose_first, fitted="9 issues: harm rate 1%, calibration error 0.05"
    )


@pytest.mark.parametrize(("least", "chosen"), [(0.0, True), (0.6, True), (0.61, False)])
async def test_what_is_not_sure_enough_is_not_chosen(desk, monkeypatch, least, chosen):
    monkeypatch.setattr(rules, "RULES", {"sure": sure(0.6)})
    monkeypatch.setattr("runs.decision.RULES", {"sure": sure(0.6)})
    desk.put("right.diff", diff(RIGHT))
    choice = await desk.choose(rule="sure", min_probability=least)
    assert choice.succeeded is chosen
    assert chosen or "abstains: 60% sure of the best, which is less than 61%" in choice.decision.reason
    text = " ".join(shown(choice).split())
    whose = "the chosen one is right" if chosen else "the best one, which is not chosen, is right"
    assert f"60% that {whose}, 35% that none is; fitted on 9 issues: harm rate 1%" in text


async def test_a_rule_that_does_not_know_how_sure_it_is_says_so(desk):
    desk.put("right.diff", diff(RIGHT, FIRST))
    choice = await desk.choose(min_probability=0.9)
    assert choice.succeeded
    assert choice.decision.reason.endswith("how sure that is, vote does not say")


async def test_candidates_for_other_tasks_are_told(tmp_path, monkeypatch):
    (tmp_path / "preds.jsonl").write_text(
        "".join(
            json.dumps({"instance_id": name, "model_name_or_path": "m", "model_patch": diff(RIGHT)}) + "\n"
            for name in ("tiny-1", "tiny-2", "tiny-2", "tiny-3")
        )
    )
    alone = tmp_path / "alone.json"
    alone.write_text(json.dumps([{"instance_id": "tiny-9", "model_patch": diff(RIGHT)}]))
    job = Job(Recipe(), tmp_path, task="rows/tiny-1", candidates=(tmp_path / "preds.jsonl",))
    told = []

    async def found(_):
        return Task("tiny-1", "", "", "text", Environment(), "pytest"), None

    monkeypatch.setattr(Job, "find", found)
    await find(job, told.append)
    notes = [one.text for one in told if isinstance(one, Noticed)]
    assert notes == ["1 of 4 candidates are for tiny-1; the others are for tiny-2, tiny-3"]
    with pytest.raises(PoolError, match="no candidate is for tiny-1; there is 1 candidate for tiny-9"):
        await find(replace(job, candidates=(alone,)), told.append)


async def test_without_a_model_rules_that_read_go_by_the_features(desk):
    desk.put("right.diff", diff(RIGHT)).put("wrong.diff", diff(WRONG))
    choice = await desk.choose(rule="swe-gym")
    assert "the verifier is features" in choice.decision.reason
    scores = {one.candidate: one.score for one in choice.decision.verdicts if one.judge == "features"}
    assert scores[choice.decision.winner] == max(scores.values())
    assert len(scores) == 2


async def test_comments_alone_are_not_chosen_however_many_say_so(desk):
    for number in range(3):
        desk.put(f"comment{number}.diff", diff(f"{OLD}  # said {number}"))
    desk.put("right.diff", diff(RIGHT))
    for rule in ("posterior", "majority-patch"):
        choice = await desk.choose(rule=rule)
        lines = {line.origin: line for line in choice.decision.lines}
        assert choice.decision.winner == lines["right.diff"].candidate
        assert lines["comment0.diff"].rejected == "changes comments, docstrings or layout only"
    assert max(map(len, shown(choice).splitlines())) <= 80


async def test_systems_whose_files_have_one_name_are_as_many_candidates(desk):
    """Two that make the same patch outnumber a third; as one candidate they would only be equal to it."""
    for name, new in (("one", RIGHT), ("two", RIGHT), ("three", WRONG)):
        desk.put(f"{name}/fix.diff", diff(new))
    choice = await desk.choose(rule="majority-patch")
    origins = sorted(line.origin for line in choice.decision.lines)
    assert origins == ["one/fix.diff", "three/fix.diff", "two/fix.diff"]
    assert choice.decision.reason == "most candidates of the same program (2)"
    assert choice.patch == diff(RIGHT)
    assert "a hash" not in shown(choice)  # twins are one program: nothing was left to chance


async def test_runs_of_ours_give_their_trajectories_and_the_tests_of_testers(desk):
    run = desk.folder / "run"
    with Journal(run / "tiny-1") as journal:
        await journal.append("task", {"instance_id": "tiny-1"})
        parts = [
            ("tool-agent", diff(RIGHT), ExitReason.SUBMITTED),
            ("tester", diff(test=FIRST), ExitReason.SUBMITTED),
            ("tool-agent", diff(WRONG), ExitReason.STEP_LIMIT),
            ("tool-agent", diff(ALSO_RIGHT), ExitReason.CANCELLED),
        ]
        for sample, (kind, text, reason) in enumerate(parts):
            made = Trajectory(
                sample=sample, model="m", exit_reason=reason, diff=text, test_paths=("tests/test_new.py",)
            )
            drawn = Variation(kind=kind, round=1, model="m", temperature=0.0)
            await record(made, drawn, journal)
    found = read_from_anywhere([run])
    assert [(one.origin, one.only_tests, one.exit_reason) for one in found] == [
        ("run sample 0", False, "submitted"),
        ("run sample 1", True, "submitted"),
        ("run sample 2", False, "step_limit"),
    ]
    assert {one.instance_id for one in found} == {"tiny-1"}
    desk.files.append(run)
    choice = await desk.choose()
    assert [line.origin for line in choice.decision.lines] == ["run sample 0", "run sample 2"]
    assert choice.patch == diff(RIGHT)
    (evidence,) = read_evidence(desk.journal / EVIDENCE)
    assert [measure(evidence)[one.id]["submitted"] for one in evidence.candidates] == [1.0, 0.0]
    assert not evidence.executed
    (run / "tiny-1" / "journal.jsonl").write_text("")
    with pytest.raises(PoolError, match="no trajectory has ended yet"):
        read_from_anywhere([run])


async def test_what_failing_tests_execute_is_traced_where_it_has_a_weight(desk, monkeypatch):
    known = shipped()
    tables = {name: {**getattr(known, name), "executed": 1.0} for name in ("weights", "typical", "spread")}
    monkeypatch.setattr("runs.judging.shipped", lambda: known.model_copy(update=tables))
    desk.put("right.diff", diff(RIGHT, FIRST)).put("wrong.diff", diff(WRONG))
    await desk.choose()
    (evidence,) = read_evidence(desk.journal / EVIDENCE)
    assert [measure(evidence)[one.id]["executed"] for one in evidence.candidates] == [1.0, 1.0]


async def test_samples_of_runs_that_are_called_alike_stay_apart(tmp_path):
    for place in ("a", "b"):
        with Journal(tmp_path / place / "run" / "tiny-1") as journal:
            await journal.append("task", {"instance_id": "tiny-1"})
            made = Trajectory(sample=0, model="m", exit_reason=ExitReason.SUBMITTED, diff=diff(RIGHT))
            drawn = Variation(kind="tool-agent", round=1, model="m", temperature=0.0)
            await record(made, drawn, journal)
    runs = [tmp_path / place / "run" for place in ("a", "b")]
    assert [one.origin for one in read_from_anywhere(runs)] == [
        "a/run sample 0",
        "b/run sample 0",
    ]
    assert [one.origin for one in read_from_anywhere(runs[:1])] == ["run sample 0"]


def test_what_was_split_off_is_shown_with_its_candidate(desk, mangabey):
    """Edits of existing tests, of the runner's configuration and scratch files, a line for each candidate."""
    added = "diff --git a/{0} b/{0}\nnew file mode 100644\n--- /dev/null\n+++ b/{0}\n@@ -0,0 +1 @@\n+x = 1\n"
    edited = (
        "diff --git a/tests/test_tiny.py b/tests/test_tiny.py\n--- a/tests/test_tiny.py\n"
        "+++ b/tests/test_tiny.py\n@@ -1,1 +1,2 @@\n from tiny import first, last\n+x = 1\n"
    )
    scratch = [f"scratch/{'deep/' * 8}try_{number}.py" for number in range(9)]
    desk.put("cheat.diff", edited + added.format("conftest.py") + diff(RIGHT))
    desk.put(f"{'long' * 20}.diff", diff(RIGHT) + "".join(added.format(path) for path in scratch))
    desk.put("honest.diff", diff(RIGHT, FIRST))
    done = mangabey(
        *("select", "--repo", desk.checkout, "--issue", ISSUE, "--python", lean_python()),
        *("--sandbox", "daemonless", "--candidates", *desk.files, "--out", desk.out),
    )
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stdout.splitlines() if line.startswith("dropped from")]
    assert sorted(notes) == [
        "dropped from cheat.diff: tests/test_tiny.py, conftest.py",
        "dropped from longlonglonglonglonglong...: try_0.py, try_1.py, try_2.py +6",
    ]


def test_patches_without_tests_are_chosen_among_unless_the_rule_or_recipe_named_needs_some(desk, mangabey):
    desk.put("right.diff", diff(RIGHT)).put("wrong.diff", diff(WRONG))
    given = [
        *("select", "--repo", desk.checkout, "--issue", ISSUE, "--python", lean_python()),
        *("--sandbox", "daemonless", "--candidates", *desk.files, "--json"),
    ]
    asked = {
        "posterior": [],
        "majority-patch": ["--recipe", "best-of-n", "-c", "rule=vote", "--rule", "majority-patch"],
        "vote": ["--recipe", "best-of-n"],
        "agentless": ["-c", "rule=agentless"],
    }
    for rule, options in asked.items():
        done = mangabey(*given, *options, "--out", desk.folder / rule)
        assert done.returncode == (rule == "vote"), done.stderr
        decision = json.loads(done.stdout)["decision"]
        assert decision["rule"] == rule
        assert (decision["probability"] is not None) == (rule == "posterior")
        assert decision["patch"] == (diff(RIGHT) if rule != "vote" else "")


def test_from_the_command_line(desk, mangabey):
    desk.put("a.diff", diff(RIGHT, FIRST)).put("b.diff", diff(WRONG))
    given = [
        *("--repo", desk.checkout, "--issue", ISSUE, "--python", lean_python()),
        "--sandbox",
        "daemonless",
    ]
    done = mangabey("select", *given, "--candidates", desk.files[0], desk.files[1], "--out", desk.out)
    assert done.returncode == 0, done.stderr
    assert "a.diff" in done.stdout
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 80
    again = mangabey("select", "--resume", desk.out, "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["decision"]["patch"] == diff(RIGHT)
    for wrong, told in (
        (["--rule", "majority-path"], "did you mean majority-patch"),
        (["--candidates", desk.folder / "nowhere.diff"], "cannot read"),
        (["-c", "min_probability=2"], "min_probability"),
    ):
        done = mangabey("select", *given, "--candidates", desk.files[0], *wrong)
        assert (done.returncode, "Traceback" in done.stderr) == (2, False)
        assert told in done.stderr
    assert mangabey("select", *given).returncode == 2
