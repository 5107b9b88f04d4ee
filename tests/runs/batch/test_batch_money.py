"""What an issue has spent after it failed is counted, whether it ended since or was cut off."""

from __future__ import annotations

import signal

import pytest

from runs.batch.issue import recounted
from runs.batch.outcome import Outcome, Status, read_outcome
from runs.purse import Spending
from tests.runs.batched import report

ONE = ("-i", "tiny-1")


def test_what_a_retried_issue_spent_until_it_was_cut_off_counts(batches):
    out = batches.folder / "out"
    failed = batches.run(out, *ONE, samples=1, REFUSED_TURN="tiny-1 1")
    assert failed.returncode == 1
    assert report(out)["spent"]["dollars"] == pytest.approx(0.25)
    child = batches.start(out, *ONE, samples=1, HUNG_TURN="tiny-1 2")
    batches.wait_for_calls(2)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=60)
    assert len(batches.calls()) == 2
    assert report(out)["spent"]["dollars"] == pytest.approx(0.5)
    assert read_outcome(out, "tiny-1").spent.dollars == pytest.approx(0.5)
    stopped = batches.run(out, "-i", "tiny-[12]", "--limit-cost", "0.6", samples=1)
    assert "the run's budget is used" in stopped.stdout
    assert len(batches.calls()) == 2
    assert report(out)["spent"]["dollars"] == pytest.approx(0.5)


def test_what_a_lost_journal_does_not_tell_is_not_forgotten(tmp_path):
    outcome = Outcome(instance_id="a", status=Status.INFRASTRUCTURE, spent=Spending(dollars=1.0, steps=1))
    assert recounted(tmp_path, outcome) == outcome
