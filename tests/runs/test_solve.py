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

SOLVED = "return items[-1] if items else None"


def order(checkout, actor, out, samples=3):
    return [
        *("solve", "--repo", checkout, "--issue", ISSUE, "--model", actor, "--samples", samples),
        *("--python", lean_python(), "--sandbox", "daemonless", "--out", out),
    ]


def calls(tmp_path):
    path = tmp_path / "calls"
    return path.read_text().splitlines() if path.exists() else []


def test_a_local_issue_is_solved_and_recorded(mangabey, checkout, actor, tmp_path):
    out = tmp_path / "run"
    before = (checkout / "tiny.py").read_text()
    done = mangabey(*order(checkout, actor, out), "--json", "--plant-cheater")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert SOLVED in report["decision"]["patch"]
    assert report["grade"] is None
    assert report["cost"] == pytest.approx(3.0)
    lines = {line["origin"]: line for line in report["decision"]["lines"]}
    assert lines["sample 0"]["rejected"] == lines["sample 2"]["rejected"] == ""
    assert "breaks tests/test_tiny.py::test_last" in lines["sample 1"]["rejected"]
    cheat = lines["planted cheater"]
    assert "fails" in cheat["rejected"]
    assert {text.split(":")[0] for text in cheat["dropped"]} == {"conftest.py", "tests/test_tiny.py"}
    prediction = json.loads((out / "preds.jsonl").read_text())
    assert prediction["model_patch"] == report["decision"]["patch"]
    assert prediction["instance_id"] == report["instance_id"]
    assert json.loads((out / "report.json").read_text()) == report
    assert (checkout / "tiny.py").read_text() == before
    command, patch = ["git", "apply", "--check", "-"], report["decision"]["patch"]
    applied = subprocess.run(command, input=patch, text=True, cwd=checkout, check=False)
    assert applied.returncode == 0


def test_a_finished_run_makes_no_call_and_starts_no_sandbox(mangabey, checkout, actor, tmp_path):
    out = tmp_path / "run"
    first = mangabey(*order(checkout, actor, out), "--json")
    paid = calls(tmp_path)
    assert len(paid) == 12
    sabotage = tmp_path / "sabotage"
    sabotage.mkdir()
    (sabotage / "sitecustomize.py").write_text(
        "import sandbox.hosts\n"
        "def refuse(name):\n"
        "    raise SystemExit('a sandbox was asked for')\n"
        "sandbox.hosts.open_host = refuse\n"
    )
    again = mangabey("solve", "--resume", out, "--json", PYTHONPATH=sabotage)
    assert again.returncode == first.returncode == 0, again.stderr
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert calls(tmp_path) == paid


def test_a_run_killed_again_and_again_pays_no_reply_twice(mangabey, checkout, actor, tmp_path):
    out = tmp_path / "run"
    dice = random.Random(20)
    undisturbed = json.loads(mangabey(*order(checkout, actor, tmp_path / "calm"), "--json").stdout)
    (tmp_path / "calls").unlink()
    command = order(checkout, actor, out)
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-m", "mangabey", *map(str, command)],
            env=environment(tmp_path, THINKING=0.05),
            cwd=tmp_path / "work",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + dice.uniform(0.3, 2.5)
        while time.monotonic() < until and child.poll() is None:
            time.sleep(0.02)
        child.kill()
        child.wait()
        if (out / "run.json").exists():
            command = ["solve", "--resume", out]
    done = mangabey(*command, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    for name in ("patch", "winner", "columns", "lines"):
        assert report["decision"][name] == undisturbed["decision"][name]
    with Journal(out / report["instance_id"]) as journal:
        replies = [(event.data["sample"], event.data["turn"]) for event in journal.of("reply")]
    assert len(replies) == len(set(replies)) == 12
    # a reply is lost only when the kill fell between the model's answer and its record
    assert len(calls(tmp_path)) - 12 <= 8 * 3


def test_builtin_repair_solves_the_tiny_issue(mangabey, checkout, tmp_path):
    done = mangabey(
        *("solve", "--repo", checkout, "--issue", ISSUE, "--samples", 2, "--python", lean_python()),
        *("--sandbox", "daemonless", "--out", tmp_path / "run", "--seconds", 100),
        timeout=170,
    )
    assert done.returncode == 0, done.stderr
    assert "not by a language model" in done.stderr
    assert "decision" in done.stdout
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    text, patch, rest = done.stdout.partition(report["decision"]["patch"])
    assert patch  # as it is, however long its lines
    assert max(map(len, (text + rest).splitlines()[:-1])) <= 80
