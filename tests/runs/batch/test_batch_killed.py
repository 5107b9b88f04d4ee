"""A batch killed outright at random instants, and begun again until it is done."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from runs.journal import Journal
from runs.journal_reading import verify
from tests.runs.batched import predictions, report

KILLS = 6
TINY = ("-i", "tiny-[12]", "-c", "sandbox=daemonless", "-c", "grade=true")
REPLIES = {(sample, turn) for sample in range(2) for turn in range(3)}


@pytest.mark.timeout(1500)  # two whole runs in real sandboxes, one of them begun again and again
def test_killed_again_and_again_it_ends_the_same_and_nothing_is_paid_twice(batches):
    dice, out = random.Random(8), batches.folder / "out"
    began = time.monotonic()
    calm = batches.run(batches.folder / "calm", *TINY, timeout=700)
    took = time.monotonic() - began
    assert calm.returncode == 0, calm.stderr
    assert report(batches.folder / "calm")["counts"]["resolved"] == 2
    (batches.folder / "calls").unlink()
    lost, killed = 0, []
    for _ in range(KILLS):
        child = batches.start(out, *TINY, THINKING=0.05)
        try:
            child.communicate(timeout=dice.uniform(0.2, 0.5) * took)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            killed.append(child.pid)
        lost += 4  # calls under way at most: one each of two samples of two issues
    done = batches.run(out, *TINY, timeout=700)
    assert done.returncode == 0, done.stderr
    assert "not replayed as it was recorded" not in done.stderr
    assert predictions(out) == predictions(batches.folder / "calm")
    for name in ("tiny-1", "tiny-2"):
        assert not verify(out / name).problems
        with Journal(out / name) as journal:
            replies = [(event.data["sample"], event.data["turn"]) for event in journal.of("reply")]
            assert not list(journal.of("divergence"))
        assert len(replies) == len(set(replies))
        assert set(replies) == REPLIES
    # a reply is paid again only where the kill fell between the answer and its record
    assert len(batches.calls()) - 2 * len(REPLIES) <= lost
    assert report(out)["spent"]["steps"] == 12
    mounts = Path("/proc/self/mounts").read_text()
    for pid in killed:
        assert not list(Path(tempfile.gettempdir()).glob(f"mangabey-{pid}-*"))
        assert f"mangabey-{pid}-" not in mounts
