"""Disks that are full, and a clock that jumps; the batch ends, and goes on where there is room again."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from runs.journal_reading import journals_in, verify
from tests.runs.batched import predictions, report

TINY = ("-i", "tiny-[12]")


@pytest.fixture
def disk(tmp_path):
    """A folder, and what makes it a disk of its own, with mount's options; again to change them."""
    folder = tmp_path / "disk"
    folder.mkdir()
    again = []

    def mount(options):
        words = ["mount", "-t", "tmpfs", "-o", ",".join([*again, options]), "tmpfs", folder]
        if subprocess.run(words, capture_output=True).returncode:
            pytest.skip("only root may mount")
        again[:] = ["remount"]

    yield folder, mount
    if again:
        subprocess.run(["umount", "--lazy", folder], check=True)


def is_sound(out):
    return [found.line() for found in map(verify, journals_in(out)) if found.problems] == []


@pytest.mark.parametrize(
    ("small", "large", "words"),
    [("size=1m", "size=64m", 150_000), ("nr_inodes=13", "nr_inodes=10000", 0)],
    ids=["bytes", "files"],
)
def test_a_full_disk_ends_the_batch_and_with_room_it_goes_on(batches, disk, small, large, words):
    folder, mount = disk
    out = folder / "out"
    mount(small)
    order = ("-i", "tiny-[123]", "--parallel", 1)
    done = batches.run(out, *order, WORDS=words)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "the disk is full" in done.stdout or "no space left" in done.stderr
    assert is_sound(out)
    assert not (out / "tiny-3").exists()  # nothing is paid for that could not be recorded
    recorded = sum(path.read_text().count('"kind":"reply"') for path in out.glob("*/journal.jsonl"))
    assert recorded >= 6
    paid = batches.calls()
    assert len(paid) - recorded <= 2  # calls at one time
    mount(large)
    done = batches.run(out, *order, WORDS=words)
    assert done.returncode == 0, done.stderr
    assert len(predictions(out)) == 3
    assert is_sound(out)
    assert report(out)["spent"]["steps"] == 18
    assert len(batches.calls()) == 18 + len(paid) - recorded


@pytest.mark.timeout(600)
def test_a_full_disk_of_sandboxes_is_a_failure_of_the_machinery(batches, disk):
    folder, mount = disk
    mount("nr_inodes=8")
    out = batches.folder / "out"
    real = ("-i", "tiny-1", "-c", "sandbox=daemonless")
    full = batches.run(out, *real, TMPDIR=folder, timeout=500)
    assert full.returncode == 1, full.stderr
    assert "Traceback" not in full.stderr
    found = json.loads((out / "tiny-1" / "outcome.json").read_text())
    assert found["failure"] in ("sandbox", "storage", "task"), found
    mount("nr_inodes=100000")
    done = batches.run(out, *real, TMPDIR=folder, timeout=500)
    assert done.returncode == 0, done.stderr
    assert is_sound(out)


JUMPING = '''"""A clock that jumps by days, ahead and back, whenever it is read."""

import itertools
import time

_clock, _jumps = time.time, itertools.cycle((0.0, 30 * 86400.0, -30 * 86400.0))
time.time = lambda: _clock() + next(_jumps)
time.time_ns = lambda: int(time.time() * 1e9)
'''


def test_a_clock_that_jumps_changes_nothing(batches):
    out = batches.folder / "out"
    (batches.folder / "sitecustomize.py").write_text(JUMPING)
    limits = ("--issue-seconds", "100", "--quiet-seconds", "100", "--limit-time", "0.1")
    done = batches.run(out, *TINY, *limits, PYTHONPATH=_with(batches.folder), THINKING=0.1)
    assert done.returncode == 0, done.stderr
    assert "nothing for" not in done.stderr
    assert len(predictions(out)) == 2
    assert is_sound(out)
    found = report(out)
    assert 0 <= found["seconds"] < 200
    assert all(0 <= seconds < 200 for seconds in found["stage_seconds"].values())
    again = batches.run(out, *TINY, PYTHONPATH=_with(batches.folder))
    assert again.returncode == 0
    assert len(batches.calls()) == 12


def _with(folder):
    return os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH", ""))))
