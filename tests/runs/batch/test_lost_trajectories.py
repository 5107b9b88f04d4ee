"""Trajectories that the machinery lost are drawn again, and never decide that an issue has no patch."""

from __future__ import annotations

import json

import pytest

from runs.batch.order import Order
from runs.batch.outcome import Failure, Outcome, Status, read_outcome, write_outcome
from runs.batch.plan import plan
from runs.batch.summary import report_of, verdict
from runs.journal import Journal, read_events
from runs.journal_reading import verify
from runs.ledger import Ledger
from runs.recipe import Allowance
from runs.recipe_files import read_recipe
from runs.taking_up import in_vain
from tests.runs.batched import predictions, report

ONE = ("-i", "tiny-1")


def kinds(place):
    return [event.kind for event in read_events(place)]


def test_an_issue_that_lost_some_comes_once_more_before_anything_is_decided(batches):
    out = batches.folder / "out"
    done = batches.run(out, *ONE, LOST="1", ONCE=1)
    assert done.returncode == 0, done.stderr
    assert "1 of 2 trajectories ended with model_error: " in done.stderr
    assert "tiny-1: begins once more" in done.stderr
    found = report(out)
    assert (found["trajectories"], found["lost_trajectories_ids"]) == ({"submitted": 2}, [])
    assert kinds(out / "tiny-1").count("decision") == 1
    assert len(batches.calls()) == len(set(batches.calls())) == 6


def test_an_issue_without_a_patch_that_lost_some_failed_and_is_taken_up_again(batches):
    out = batches.folder / "out"
    done = batches.run(out, *ONE, LOST="1")
    assert done.returncode == 1, done.stderr
    assert "1 failed by infrastructure (1 model); 1 trajectories of 1 issues lost" in done.stdout
    found = report(out)
    assert "no patch, and 1 of 2 trajectories ended with model_error" in found["messages"]["tiny-1"]
    assert found["lost_trajectories_ids"] == ["tiny-1"]
    assert predictions(out) == {}
    assert read_outcome(out, "tiny-1").tried == 2
    assert batches.run(out, *ONE, "--fail-on", 1, LOST="1").returncode == 0
    done = batches.run(out, *ONE)
    assert done.returncode == 0, done.stderr
    assert "1 of 1 issues done; 1 abstained" in done.stdout
    assert report(out)["trajectories"] == {"submitted": 2}
    assert len(batches.calls()) == len(set(batches.calls())) == 6
    assert verify(out / "tiny-1").problems == ()
    assert "0 of 1 issues to do" in batches.run(out, *ONE).stderr


@pytest.mark.timeout(400)
def test_an_issue_with_a_patch_is_done_whatever_its_grade(batches):
    out = batches.folder / "out"
    real = (*ONE, "-c", "sandbox=daemonless", "-c", "grade=true")
    done = batches.run(out, *real, LOST="1")
    assert done.returncode == 0, done.stderr
    assert "tiny-1: begins once more" in done.stderr
    assert "1 resolved (100.0% of all); 1 trajectories of 1 issues lost" in done.stdout
    assert kinds(out / "tiny-1").count("grade") == 1
    assert "0 of 1 issues to do" in batches.run(out, *real).stderr


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.UNRESOLVED, Status.SELECTED])
def test_a_patch_is_a_result_though_trajectories_were_lost(tmp_path, status):
    one = Outcome(instance_id="a", status=status, patch="p", endings={"submitted": 1, "model_error": 7})
    write_outcome(tmp_path, one)
    assert read_outcome(tmp_path, "a").is_final
    told = report_of(["a"], {"a": one}, None)
    assert (told["counts"]["infrastructure"], told["lost_trajectories_ids"]) == (0, ["a"])
    assert "7 trajectories of 1 issues lost to infrastructure" in verdict(told)


def test_what_an_earlier_version_called_done_is_not(tmp_path):
    known = {"instance_id": "a", "status": "abstained", "endings": {"submitted": 1, "sandbox_error": 7}}
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "outcome.json").write_text(json.dumps(known))
    found = read_outcome(tmp_path, "a")
    assert (found.status, found.failure) == (Status.INFRASTRUCTURE, Failure.SANDBOX)
    (tmp_path / "a" / "outcome.json").write_text(json.dumps(known | {"endings": {"submitted": 8}}))
    assert read_outcome(tmp_path, "a").is_final


async def test_what_cannot_go_on_for_want_of_money_was_not_in_vain(tmp_path):
    lost = {"sample": 1, "model": "m", "exit_reason": "model_error", "diff": ""}
    reply = {"text": "", "cost": 1.0}
    with Journal(tmp_path) as journal:
        await journal.append("reply", {"sample": 0, "turn": 0, "reply": reply})
        await journal.append("trajectory", {"sample": 1, "trajectory": lost})
        await journal.append("decision", {"patch": ""})
        assert in_vain(journal, Ledger(journal, Allowance(dollars=2.0)))
        assert not in_vain(journal, Ledger(journal, Allowance(dollars=1.0)))


@pytest.mark.parametrize("where", [{}, {"executor": "ray", "shared": False}])
def test_an_issue_is_put_off_wherever_it_is_worked_on(batches, monkeypatch, where):
    for key, value in batches.environment().items():
        monkeypatch.setenv(key, value)
    recipe = read_recipe("best-of-n", {"model": f"{batches.folder}/player.py:Player"})
    order = Order.model_validate({"tasks": batches.set.name, "recipe": recipe} | where)
    assert plan(order, batches.folder / "out").commons().comes_again
