from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from runs.batch.outcome import Failure, Outcome, Status, failure_of
from runs.batch.summary import exceeds, read_threshold
from runs.failures import UsageError
from runs.ledger import RunSpentError
from sandbox.base import ImageError, SandboxError
from tests.runs.batched import predictions, report

TINY = ("-i", "tiny-*")


def test_a_batch_gives_each_issue_an_outcome_and_goes_on_where_it_stopped(batches):
    out = batches.folder / "out"
    done = batches.run(out)
    assert done.returncode == 1, done.stderr
    assert "5 of 7 issues done" in done.stdout
    assert "2 failed by infrastructure (1 task, 1 defect)" in done.stdout
    assert "$7.50" in done.stdout
    assert "once more" in done.stderr
    found = report(out)
    assert found["counts"] == {
        "resolved": 0,
        "unresolved": 0,
        "selected": 0,
        "abstained": 5,
        "infrastructure": 2,
    }
    assert found["spent"]["steps"] == 30
    assert found["messages"]["no-task"] == "the repository is gone"
    assert set(predictions(out)) == {"tiny-1", "tiny-2", "tiny-3", "tiny-4", "no-fix"}
    assert "nobody thought of that" in (out / "our-defect" / "failure.log").read_text()
    paid = batches.calls()
    assert len(paid) == len(set(paid)) == 30
    again = batches.run(out, "--fail-on", "2")
    assert again.returncode == 0, again.stderr
    assert "2 of 7 issues to do" in again.stderr
    assert batches.calls() == paid
    assert json.loads((out / "no-task" / "outcome.json").read_text())["tried"] == 4


def test_readers_that_the_rule_does_not_hear_are_told_once_as_it_begins(batches):
    done = batches.run(batches.folder / "out", "-i", "tiny-[12]", "-c", "selection.views=[patch]", samples=1)
    notes = [line for line in done.stderr.splitlines() if "verifier:patch will be asked and paid" in line]
    assert len(notes) == 1, done.stderr
    assert "the rule vote does not hear it" in notes[0]
    assert done.stderr.index(notes[0]) < done.stderr.index("tiny-1")


def test_another_recipe_or_model_is_refused_with_what_differs(batches):
    out = batches.folder / "out"
    assert batches.run(out, "-i", "tiny-1").returncode == 0
    refused = batches.run(out, "-i", "tiny-1", "-c", "crews.0.steps=7")
    assert refused.returncode == 2
    assert "recipe.crews.0.steps: 80 -> 7" in refused.stderr
    file = batches.folder / "player.py"
    file.write_text(file.read_text() + "\n# changed\n")
    refused = batches.run(out, "-i", "tiny-1")
    assert refused.returncode == 2
    assert "player.py" in refused.stderr
    wider = batches.run(out, *TINY, "--accept-drift")  # more instances are no drift
    assert wider.returncode == 0, wider.stderr
    assert len(predictions(out)) == 4


def test_a_dry_run_says_what_is_known_and_what_is_not_and_does_nothing(batches):
    out = batches.folder / "out"
    told = batches.run(out, "--dry-run")
    assert told.returncode == 0, told.stderr
    assert "7 of 7 to do" in told.stdout
    assert "money       unknown" in told.stdout
    assert not out.exists()
    batches.run(out, "-i", "tiny-1")
    took = json.loads((out / "tiny-1" / "outcome.json").read_text())["seconds"]
    for more in (("-i", "tiny-1"), ()):  # what is done counts, chosen or not
        told = batches.run(out, "-i", "tiny-[234]", *more, "--dry-run", "--json", "--parallel", "9")
        found = json.loads(told.stdout)
        assert found["waiting"] == ["tiny-2", "tiny-3", "tiny-4"]
        assert found["done"] == len(more) // 2
        assert found["dollars"] == pytest.approx(4.5)
        assert found["hours"] == pytest.approx(took / 3600)  # all at one time take as long as one


def test_a_dry_run_refuses_what_is_no_folder_of_a_batch_as_the_run_does(batches):
    file, evaluated = batches.folder / "a-file", batches.folder / "evaluated"
    file.touch()
    evaluated.mkdir()
    (evaluated / "evaluation.json").touch()
    for place, said in ((file, "is a file"), (evaluated, "holds an evaluation")):
        for more in ((), ("--dry-run",)):
            refused = batches.run(place, *TINY, *more)
            assert (refused.returncode, refused.stdout) == (2, "")
            assert said in refused.stderr


def test_a_dry_run_is_refused_as_the_run_would_be_and_scales_to_other_samples(batches):
    out = batches.folder / "out"
    assert batches.run(out, "-i", "tiny-1", samples=1).returncode == 0
    told = batches.run(out, *TINY, "--dry-run", samples=4)
    assert told.returncode == 2
    assert "drift       recipe.crews.0.samples: 1 -> 4" in told.stdout
    assert (
        "money       $9.00, by the mean of the 1 issues done, scaled from 1 to 4 trajectories" in told.stdout
    )
    assert "disk        no images to fetch; records 0.00 GB, likewise" in told.stdout
    refused = batches.run(out, *TINY, samples=4)
    assert refused.returncode == 2
    assert told.stderr == refused.stderr
    accepted = batches.run(out, *TINY, "--dry-run", "--accept-drift", "--json", samples=4)
    assert accepted.returncode == 0, accepted.stderr
    found = json.loads(accepted.stdout)
    assert found["drift"] == ["recipe.crews.0.samples: 1 -> 4"]
    assert found["record_gb"] > 0
    assert json.loads((out / "run.json").read_text())["batch"]["recipe"]["crews"][0]["samples"] == 1


def test_the_runs_money_is_never_passed_and_a_higher_limit_goes_on(batches):
    out = batches.folder / "out"
    stopped = batches.run(out, *TINY, "--limit-cost", "2.5", THINKING=0.05)
    assert stopped.returncode == 1
    assert "the run's budget is used" in stopped.stdout
    paid = batches.calls()
    # $2.50 of $0.25 each; for a prompt longer than any before more is set aside, which the last may lack
    assert len(paid) in (9, 10)
    spent = report(out)["spent"]  # by issues that have not ended, too
    assert (spent["steps"], spent["dollars"]) == (len(paid), 0.25 * len(paid))
    still = batches.run(out, *TINY, "--limit-cost", "2.5")
    assert still.returncode == 1
    assert batches.calls() == paid
    done = batches.run(out, *TINY)
    assert done.returncode == 0, done.stderr
    assert len(batches.calls()) == len(set(batches.calls())) == 24


def test_one_interrupt_drains_and_the_same_command_goes_on(batches):
    out = batches.folder / "out"
    child = batches.start(out, *TINY, "--parallel", "1", THINKING=0.3)
    batches.wait_for_calls(2)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "no further issue begins" in said
    assert len(predictions(out)) == 1  # the one under way has ended
    assert report(out)["stopped"] == "interrupted"
    done = batches.run(out, *TINY)
    assert done.returncode == 0
    assert len(batches.calls()) == len(set(batches.calls())) == 24


def test_an_interrupt_that_leaves_nothing_to_do_has_stopped_nothing(batches):
    out = batches.folder / "out"
    child = batches.start(out, "-i", "tiny-1", THINKING=0.5)
    batches.wait_for_calls(1)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 0
    assert "no further issue begins" in said
    assert "the same command goes on" not in said
    assert report(out)["stopped"] is None


def test_two_interrupts_stop_and_nothing_is_paid_twice(batches):
    out = batches.folder / "out"
    child = batches.start(out, *TINY, THINKING=0.5)
    batches.wait_for_calls(1)
    child.send_signal(signal.SIGINT)
    time.sleep(0.2)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "stopping" in said
    done = batches.run(out, *TINY)
    assert done.returncode == 0
    assert len(predictions(out)) == 4
    calls = batches.calls()
    assert len(calls) - len(set(calls)) <= 4  # answers that came while they were cut off


def test_an_issue_that_takes_too_long_is_a_failure_that_names_what_it_waits_for(batches):
    out = batches.folder / "out"
    done = batches.run(out, "-i", "tiny-1", "--issue-seconds", "8", THINKING=60)
    assert done.returncode == 1
    found = json.loads((out / "tiny-1" / "outcome.json").read_text())
    assert found["failure"] == "deadline"
    assert "sample 0 waits for" in found["message"]


def test_an_issue_in_which_nothing_happens_is_stuck(batches):
    out = batches.folder / "out"
    batches.run(batches.folder / "before", "-i", "tiny-1")  # what is made once is there
    done = batches.run(out, "-i", "tiny-1", "--quiet-seconds", "6", THINKING=60)
    assert done.returncode == 1
    assert "still waiting: stage sample" in done.stderr
    assert json.loads((out / "tiny-1" / "outcome.json").read_text())["failure"] == "stuck"


def test_the_hours_of_a_command_end_it_and_leave_issues_unfinished(batches):
    out = batches.folder / "out"
    done = batches.run(out, *TINY, "--limit-time", 5 / 3600, THINKING=60)
    assert done.returncode == 1
    assert "the time is used" in done.stdout
    assert len(report(out)["unfinished_ids"]) == 4


def test_a_model_that_fails_is_infrastructure_and_comes_again(batches):
    out = batches.folder / "out"
    done = batches.run(out, *TINY, REFUSED="tiny-2")
    assert done.returncode == 1
    found = json.loads((out / "tiny-2" / "outcome.json").read_text())
    assert (found["failure"], found["status"]) == ("model", "infrastructure")
    assert "does not like this issue" in found["message"]
    assert "tiny-2" not in predictions(out)
    again = batches.run(out, *TINY)
    assert again.returncode == 0, again.stderr
    assert len(predictions(out)) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fail-on", "many"], "no threshold"),
        (["--fail-on", "200%"], "no threshold"),
        (["--limit-cost", "inf"], "less than or equal"),
        (["--limit-cost", "much"], "invalid value for '--limit-cost'"),
        (["--slice", "90:"], "the slice 90: holds none of the 7 instances"),
        (["--bananas"], "no such option: --bananas; see mangabey batch -h"),
        (["--executor", "slurm"], "local or ray"),
        (["--address", "10.0.0.1:6379"], "add --executor ray"),
        (["--local-out"], "add --executor ray"),
        (["--executor", "ray", "--disk-budget", "4"], "is for one machine"),
        (["-i", "tiny-9"], "did you mean"),
        (["--shard", "3/2"], "no shard"),
    ],
)
def test_wrong_use_is_one_line(batches, words, said):
    done = batches.run(batches.folder / "out", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_that_cannot_be_made_is_wrong_use(batches):
    (batches.folder / "file").touch()
    for place in (Path("/proc/x"), batches.folder / "file" / "x"):
        done = batches.run(place, *TINY)
        assert done.returncode == 2
        assert "cannot be made" in done.stderr.splitlines()[-1]


def test_thresholds():
    assert read_threshold("2%", 200) == 4
    assert read_threshold("3", 200) == 3
    with pytest.raises(UsageError):
        read_threshold("-1", 10)
    assert exceeds({"counts": {"infrastructure": 5}, "chosen": 200}, "2%")
    assert not exceeds({"counts": {"infrastructure": 4}, "chosen": 200}, "2%")


def test_of_several_failures_the_known_one_is_told():
    group = ExceptionGroup("two", [KeyError("x"), ImageError("no image")])
    assert failure_of(group) == (Failure.IMAGE, "no image")
    assert failure_of(SandboxError("gone"))[0] is Failure.SANDBOX
    assert failure_of(KeyError("x")) == (Failure.DEFECT, "KeyError: 'x'")
    assert failure_of(RunSpentError("x"))[0] is Failure.DEFECT
    assert not Outcome(instance_id="a", status=Status.INFRASTRUCTURE).is_final
