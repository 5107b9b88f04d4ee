"""What `mangabey lab` says that candidates and their judges cost, from journals of runs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agent.messages import Reply
from runs.cli import run
from runs.journal import Journal
from runs.replies import JournalReplies
from selection.clusters import Clusters
from selection.evidence_file import write_evidence
from selection.verdict import Verdict
from tests.selection.lab.made import issue_of


async def test_what_trajectories_cost_is_told(tmp_path, capsys):
    issue = issue_of([True, False], scores=[0.9, 0.1], task="one")
    candidates = tuple(
        replace(one, origin=f"sample {number}") for number, one in enumerate(issue.evidence.candidates)
    )
    with Journal(tmp_path / "run" / "one") as journal:
        write_evidence(journal.folder / "evidence.jsonl.gz", [replace(issue.evidence, candidates=candidates)])
        for number in range(2):
            for turn in range(2):
                reply = Reply(text="x", cost=0.25).model_dump(mode="json")
                await journal.append("reply", {"sample": number, "turn": turn, "reply": reply})
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(dict(issue.resolved)))
    given = ["lab", str(tmp_path / "run"), "--labels", str(labels), "--rules", "random", "--k", "1,2"]
    assert run(given) == 0
    assert "1.0000" in capsys.readouterr().out
    assert run([*given, "--control", str(tmp_path / "run")]) == 0
    shown = capsys.readouterr().out
    assert "At equal cost ($0.5000 an issue) one trajectory resolves 50.0%" in shown
    assert "no comparison" not in shown


@pytest.mark.parametrize("dollars", [0.0, 0.25])
async def test_a_line_says_that_nothing_cost_anything(tmp_path, capsys, dollars):
    issue = issue_of([True, False], task="one")
    for run_name, price in (("run", 0.0), ("single", dollars)):
        with Journal(tmp_path / run_name / "one") as journal:
            await record_samples(journal, issue, price)
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(dict(issue.resolved)))
    given = ["lab", str(tmp_path / "run"), "--labels", str(labels), "--rules", "random,vote"]
    assert run([*given, "--control", str(tmp_path / "single")]) == 0
    shown = capsys.readouterr().out
    assert "0.0000" not in shown
    who = "candidates and judges" if dollars else "candidates, judges and single trajectories"
    assert f"\nCost: {who} cost nothing.\n" in shown
    assert ("At equal cost ($0.2500 an issue) one trajectory" in shown) == bool(dollars)


async def record_samples(journal, issue, dollars=1.0):
    """Write an issue's candidates, read by a verifier, and a priced reply for the trajectory of each."""
    candidates = tuple(
        replace(one, origin=f"sample {number}") for number, one in enumerate(issue.evidence.candidates)
    )
    verdicts = tuple(Verdict("verifier:patch", id_, 0.5, "") for id_ in issue.ids)
    known = replace(issue.evidence, candidates=candidates, verdicts=verdicts)
    write_evidence(journal.folder / "evidence.jsonl.gz", [known])
    for sample in range(len(candidates)):
        reply = Reply(text="x", cost=dollars).model_dump(mode="json")
        await journal.append("reply", {"sample": sample, "turn": 0, "reply": reply})


async def test_what_readers_and_context_cost_is_told_of_the_rules_that_hear_them(tmp_path):
    issue = issue_of([True, False], task="one")
    with Journal(tmp_path / "run" / "one") as journal:
        await record_samples(journal, issue)
        await JournalReplies(journal, "context").put("model KEY", Reply(text="x", cost=3.0))
        readings = JournalReplies(journal, "selection")
        for id_ in issue.ids:
            await readings.put(f"a model verifier:patch/{id_}/0 KEY", Reply(text="YES", cost=25.0))
        await readings.put("a model duel/c0+c1/0 KEY", Reply(text="x", cost=400.0))
    labels, out = tmp_path / "labels.json", tmp_path / "lab.json"
    labels.write_text(json.dumps(dict(issue.resolved)))
    given = ["lab", str(tmp_path / "run"), "--labels", str(labels), "--k", "1,2", "--json", str(out)]
    assert run([*given, "--rules", "random,swe-gym,swe-gym+none"]) == 0
    found = {(one["rule"], one["k"]): one["dollars"] for one in json.loads(out.read_text())["spent"]}
    assert found == {
        ("random", 1): 4.0,
        ("random", 2): 5.0,
        ("swe-gym", 1): 29.0,
        ("swe-gym", 2): 55.0,
        ("swe-gym+none", 1): 4.0,
        ("swe-gym+none", 2): 5.0,
    }


async def test_readers_are_paid_for_the_part_of_the_candidates_that_is_measured(tmp_path):
    issue = issue_of([True, False, False, False], task="one")
    with Journal(tmp_path / "run" / "one") as journal:
        await record_samples(journal, issue)
        readings = JournalReplies(journal, "selection")
        for id_ in issue.ids:
            await readings.put(f"a model verifier:patch/{id_}/0 KEY", Reply(text="YES", cost=25.0))
    labels, out = tmp_path / "labels.json", tmp_path / "lab.json"
    labels.write_text(json.dumps({"c0": True, "c1": False}))
    given = ["lab", str(tmp_path / "run"), "--labels", str(labels), "--k", "1,2", "--json", str(out)]
    assert run([*given, "--rules", "swe-gym"]) == 0
    assert [one["dollars"] for one in json.loads(out.read_text())["spent"]] == [26.0, 52.0]


async def test_a_price_that_is_not_known_is_told_and_is_not_nothing(tmp_path, capsys):
    issue = issue_of([True, False], task="one")
    candidates = tuple(
        replace(one, origin=f"sample {number}") for number, one in enumerate(issue.evidence.candidates)
    )
    with Journal(tmp_path / "run" / "one") as journal:
        write_evidence(journal.folder / "evidence.jsonl.gz", [replace(issue.evidence, candidates=candidates)])
        for sample in range(2):
            reply = Reply(text="x", cost=None).model_dump(mode="json")
            await journal.append("reply", {"sample": sample, "turn": 0, "reply": reply})
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(dict(issue.resolved)))
    given = ["lab", str(tmp_path / "run"), "--labels", str(labels), "--rules", "random"]
    assert run([*given, "--control", str(tmp_path / "run")]) == 0
    shown = capsys.readouterr().out
    assert "Cost" not in shown
    assert "At equal cost" not in shown
    assert "no price is known of replies in 1 issues: in one of sample 0, sample 1" in shown
    assert "--control tells nothing" in shown


async def test_costs_of_blank_candidates_of_two_issues_stay_apart(tmp_path):
    """A blank candidate has the same id in every issue: it is made of its origin and its diff."""
    for task, dollars in (("one", 1.0), ("two", 5.0)):
        issue = issue_of([False], task=task)
        blank = replace(issue.evidence.candidates[0], patch="", origin="sample 0")
        with Journal(tmp_path / "run" / task) as journal:
            known = replace(issue.evidence, candidates=(blank,), clusters=Clusters())
            write_evidence(journal.folder / "evidence.jsonl.gz", [known])
            reply = Reply(text="x", cost=dollars).model_dump(mode="json")
            await journal.append("reply", {"sample": 0, "turn": 0, "reply": reply})
    labels, out = tmp_path / "labels.json", tmp_path / "lab.json"
    labels.write_text('{"c0": false}')
    given = ["lab", str(tmp_path / "run"), "--labels", str(labels), "--k", "1", "--json", str(out)]
    assert run([*given, "--rules", "random"]) == 0
    (spent,) = json.loads(out.read_text())["spent"]
    assert spent["dollars"] == 3.0
