"""A process that draws in rounds, killed outright again and again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time

import pytest

from runs.journal import Journal
from tests.interpreter import lean_python
from tests.runs.conftest import ISSUE, environment

RECIPE = "samples: 5\nrounds: {first: 2, more: 2}\nsandbox: daemonless\n"
DRAWN = {(sample, turn) for sample in range(4) for turn in range(4)}


@pytest.mark.timeout(600)  # two whole runs, one of them begun again and again
def test_an_adaptive_run_killed_again_and_again_ends_the_same_and_pays_nothing_twice(
    mangabey, checkout, actor, tmp_path
):
    out, recipe, dice = tmp_path / "run", tmp_path / "mine.yaml", random.Random(6)
    recipe.write_text(RECIPE)
    ordered = ["solve", "--repo", checkout, "--issue", ISSUE, "--model", actor, "--recipe", recipe]
    ordered += ["--python", lean_python()]
    calm = mangabey(*ordered, "--out", tmp_path / "calm", "--json", timeout=600)
    assert calm.returncode == 0, calm.stderr
    undisturbed = json.loads(calm.stdout)
    assert [one["samples"] for one in undisturbed["rounds"]] == [[0, 1], [2, 3], []]
    (tmp_path / "calls").unlink()
    command = [*ordered, "--out", out]
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-m", "mangabey", *map(str, command)],
            env=environment(tmp_path, THINKING=0.05),
            cwd=tmp_path / "work",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        known = len(list(out.rglob("journal.jsonl"))) and next(out.rglob("journal.jsonl")).stat().st_size
        until = time.monotonic() + 60
        while time.monotonic() < until and child.poll() is None:  # until it has got somewhere
            journals = list(out.rglob("journal.jsonl"))
            if journals and journals[0].stat().st_size > known + dice.randint(0, 8000):
                break
            time.sleep(0.02)
        child.kill()
        child.wait()
        if (out / "run.json").exists():
            command = ["solve", "--resume", out]
    done = mangabey(*command, "--json", timeout=600)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["rounds"] == undisturbed["rounds"]
    for name in ("patch", "winner", "columns", "lines"):
        assert report["decision"][name] == undisturbed["decision"][name]
    with Journal(out / report["instance_id"]) as journal:
        replies = [(event.data["sample"], event.data["turn"]) for event in journal.of("reply")]
        assert not list(journal.of("divergence"))
    assert len(replies) == len(set(replies))
    assert set(replies) == DRAWN
    # a reply is lost only when the kill fell between the model's answer and its record
    assert len((tmp_path / "calls").read_text().splitlines()) - len(DRAWN) <= 4 * 2
