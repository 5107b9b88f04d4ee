"""A patch whose hidden tests do not run is not called wrong, and is graded once they do."""

from __future__ import annotations

import json

import pytest

from runs.batch.outcome import Failure, Status, failure_of, read_outcome
from runs.grading import UngradedError
from tests.runs.batched import predictions, report

REAL = ("-i", "tiny-1", "-c", "sandbox=daemonless", "-c", "grade=true")


def as_it_was(place):
    """Make an issue's folder one of a version that took such a grade for a verdict."""
    journal = place / "journal.jsonl"
    text = journal.read_text().replace('"kind":"ungraded"', '"kind":"grade"')
    seq = text.count("\n")
    event = {"v": 1, "seq": seq, "at": "2026-01-01T00:00:00+00:00", "kind": "finished", "data": {}}
    journal.write_text(text + json.dumps(event) + "\n")
    known = {"instance_id": "tiny-1", "status": "unresolved", "graded": True, "patch": "p", "model": "m"}
    (place / "outcome.json").write_text(json.dumps(known))


@pytest.mark.timeout(400)
def test_a_broken_environment_is_a_failure_of_infrastructure_until_it_is_mended(batches):
    out = batches.folder / "out"
    done = batches.run(out, *REAL, samples=1, BROKEN="tiny-1")
    assert done.returncode == 1, done.stderr
    found = report(out)
    assert (found["failures"], found["graded"]) == ({"environment": 1}, 0)
    assert "could not be graded: no test runs there" in found["messages"]["tiny-1"]
    assert predictions(out) == {}
    as_it_was(out / "tiny-1")
    known = read_outcome(out, "tiny-1")
    assert (known.failure, known.graded, known.is_final) == (Failure.ENVIRONMENT, False, False)
    paid = batches.calls()
    done = batches.run(out, *REAL, samples=1)
    assert done.returncode == 0, done.stderr
    assert report(out)["counts"]["resolved"] == 1
    assert read_outcome(out, "tiny-1").status is Status.RESOLVED
    assert batches.calls() == paid


@pytest.mark.timeout(400)
def test_one_issue_alone_keeps_its_patch_and_is_graded_when_it_goes_on(batches):
    out = batches.folder / "out"
    order = ["solve", "--task", f"{batches.set.name}/tiny-1", "--out", out, "--samples", 1]
    order += ["--model", f"{batches.folder}/player.py:Player", "--sandbox", "daemonless"]
    done = batches.mangabey([*batches.command(out)[:3], *map(str, order)], BROKEN="tiny-1")
    assert done.returncode == 1
    assert "could not be graded" in done.stderr.splitlines()[-1]
    assert "return n / 2" in predictions(out)["tiny-1"]
    assert report(out)["grade"] is None
    done = batches.mangabey([*batches.command(out)[:3], "solve", "--resume", str(out)])
    assert done.returncode == 0, done.stderr
    assert report(out)["grade"]["status"] == "resolved"


def test_what_failed_is_the_environment():
    assert failure_of(UngradedError("nothing runs")) == (Failure.ENVIRONMENT, "nothing runs")
