"""`mangabey evaluate` on an offline task set: what it says, what it keeps, and that nothing is lost."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runs.cli import run as run_here
from tests.runs.evaluated import (
    BREAKING,
    NOWHERE,
    ODD,
    RIGHT,
    SCRIPT,
    WRONG,
    grades,
    make_set,
    predictions,
)

OFFICIAL = """
import json, sys
from pathlib import Path
from swebench.harness.reporting import make_run_report
chosen, preds, found = json.loads(sys.argv[1])
for name, resolved in found.items():
    place = Path("logs/run_evaluation/run/m") / name
    place.mkdir(parents=True)
    (place / "report.json").write_text(json.dumps({name: {"resolved": resolved}}))
path = make_run_report(preds, [{"instance_id": name} for name in chosen], "run")
Path("official.json").write_text(path.read_text())
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return make_set(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def mixed(tiny, tmp_path_factory):
    """One evaluation of every kind of prediction: the finished process and its folder."""
    folder = tmp_path_factory.mktemp("mixed")
    preds = predictions(
        folder / "preds.jsonl", tiny_1=RIGHT, tiny_2=WRONG, tiny_3=NOWHERE, no_task=RIGHT, our_defect=RIGHT
    )
    with preds.open("a") as file:
        file.write(json.dumps({"instance_id": "tiny-4", "model_name_or_path": "m", "model_patch": None}))
    return tiny.evaluate(preds, folder / "out", "--json", "--name", "mixed"), folder / "out"


def test_every_kind_of_prediction_has_its_own_status(mixed):
    done, out = mixed
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report == json.loads((out / "report.json").read_text())
    found = {name: one["status"] for name, one in report["mangabey"]["instances"].items()}
    assert found == {
        "tiny-1": "resolved",
        "tiny-2": "unresolved",
        "tiny-3": "patch_does_not_apply",
        "tiny-4": "empty_patch",
        "no-task": "environment_broken",
        "our-defect": "infrastructure",
    }
    assert {name: one["status"] for name, one in grades(out).items()} == found
    messages = {name: one["message"] for name, one in report["mangabey"]["instances"].items()}
    assert messages["no-task"] == "the repository is gone"
    assert "a defect of Mangabey (RuntimeError: nobody thought of that)" in messages["our-defect"]
    assert "Traceback" in (out / "our-defect" / "test_output.txt").read_text()
    assert "1 of 7 chosen instances have no prediction" in done.stderr


def test_what_a_grade_was_made_with_is_kept(mixed):
    _, out = mixed
    one = grades(out)["tiny-1"]
    assert one["fail_to_pass"] == {ODD: "passed"}
    assert one["versions"]["python"] == sys.version.split()[0]
    assert one["versions"]["mangabey"]
    assert "tests/test_tiny.py" in one["command"]
    log = (out / "tiny-1" / "test_output.txt").read_text()
    assert "5 passed" in log
    assert log.startswith("Tests whose names hold q")
    assert one["key"]
    assert one["model"] == "m"


def test_the_report_is_the_one_the_official_harness_makes(mixed, tmp_path):
    done, _ = mixed
    ours = json.loads(done.stdout)
    patches = dict.fromkeys(ours["submitted_ids"], RIGHT) | {"tiny-4": ""}
    preds = {
        name: {"instance_id": name, "model_name_or_path": "m", "model_patch": diff}
        for name, diff in patches.items()
    }
    chosen = [*ours["submitted_ids"], "no-fix"]
    given = json.dumps([chosen, preds, {"tiny-1": True, "tiny-2": False}])
    subprocess.run([sys.executable, "-c", OFFICIAL, given], cwd=tmp_path, check=True, capture_output=True)
    official = json.loads((tmp_path / "official.json").read_text())
    assert list(ours)[:-1] == list(official)
    assert list(ours)[-1] == "mangabey"
    told = {"infra_failure_instances": 2, "infra_failure_ids": ["no-task", "our-defect"]}
    told["failure_reasons"] = {"no-task": "environment_broken", "our-defect": "infrastructure"}
    assert {name: ours[name] for name in official} == official | told


def test_only_what_has_no_verdict_is_graded_again(tiny, mixed, tmp_path):
    _, out = mixed
    times = {name: (out / name / "grade.json").stat().st_mtime_ns for name in grades(out)}
    (out / "tiny-2" / "grade.json").unlink()
    done = tiny.run([sys.executable, "-m", "mangabey", "evaluate", "--resume", str(out)], tmp_path)
    assert done.returncode == 1, done.stderr
    lines = done.stderr.splitlines()
    kept = {name for name in times if any(f" {name}: " in line and "as before" in line for line in lines)}
    assert kept == {"tiny-1", "tiny-3"}
    changed = {name for name in times if (out / name / "grade.json").stat().st_mtime_ns != times[name]}
    assert changed == {"tiny-2", "tiny-4", "no-task", "our-defect"}  # an empty patch is not run
    table = done.stdout.splitlines()
    assert any(line.split()[:5] == ["tiny-1", "resolved", "1/1", "2/2", line.split()[-1]] for line in table)
    assert any(line.split()[:3] == ["tiny-3", "does", "not"] for line in table)
    assert "resolved  1 of 7 (14.3%); " in done.stdout
    assert max(map(len, table[:-1])) <= 80


def test_another_patch_or_option_is_graded_anew(tiny, tmp_path):
    out, more = tmp_path / "out", ["-i", "tiny-1,tiny-2", "--memory-mb", "1024"]
    preds = predictions(tmp_path / "p.jsonl", tiny_1=WRONG, tiny_2=WRONG)
    assert tiny.evaluate(preds, out, *more).returncode == 0
    predictions(preds, tiny_1=RIGHT, tiny_2=WRONG, tiny_3=WRONG)
    done = tiny.evaluate(preds, out, *more)
    assert done.returncode == 0, done.stderr
    assert "1 of 3 predictions are for instances that were not chosen" in done.stderr
    assert [("as before" in line) for line in sorted(done.stderr.splitlines()) if "tiny-2: " in line] == [
        True
    ]
    assert {name: one["status"] for name, one in grades(out).items()} == {
        "tiny-1": "resolved",
        "tiny-2": "unresolved",
    }
    other = tiny.evaluate(preds, out, "-i", "tiny-2", "--memory-mb", "1025")
    assert "as before" not in other.stderr


def test_gold_empty_and_the_environment_check(tiny, tmp_path):
    chosen = ["-i", "tiny-1", "-i", "no-fix"]
    done = tiny.evaluate("gold", tmp_path / "gold", *chosen)
    assert done.returncode == 0, done.stderr
    found = {name: one["status"] for name, one in grades(tmp_path / "gold").items()}
    assert found == {"tiny-1": "resolved", "no-fix": "unresolved"}
    done = tiny.evaluate("empty", tmp_path / "empty", *chosen)
    assert done.returncode == 0, done.stderr
    assert {one["status"] for one in grades(tmp_path / "empty").values()} == {"empty_patch"}
    preds = predictions(tmp_path / "p.jsonl", tiny_1=WRONG, no_fix=WRONG)
    done = tiny.evaluate(preds, tmp_path / "checked", *chosen, "--check-environment")
    assert done.returncode == 1, done.stderr
    found = grades(tmp_path / "checked")
    assert found["tiny-1"]["status"] == "unresolved"
    assert found["no-fix"]["status"] == "environment_broken"
    assert "the reference fix does not pass here either (unresolved: 0 of 1" in found["no-fix"]["message"]


def test_tests_that_are_set_aside_are_named_and_do_not_count(tiny, tmp_path):
    preds = predictions(tmp_path / "p.jsonl", tiny_1=BREAKING)
    (tmp_path / "aside.json").write_text(json.dumps({"tiny-1": [SCRIPT], "tiny-3": [SCRIPT]}))
    out = tmp_path / "out"
    done = tiny.evaluate(preds, out, "-i", "tiny-1", "--set-aside", "aside.json")
    assert done.returncode == 0, done.stderr
    assert "set aside 1 tests" in done.stdout
    assert (grades(out)["tiny-1"]["status"], grades(out)["tiny-1"]["set_aside"]) == ("resolved", [SCRIPT])
    (tmp_path / "aside.json").write_text(json.dumps({"tiny-1": ["no::test"]}))
    done = tiny.evaluate(preds, out, "-i", "tiny-1", "--set-aside", "aside.json")
    assert (done.returncode, "has no PASS_TO_PASS test no::test" in done.stdout) == (1, True)
    assert grades(out)["tiny-1"]["status"] == "resolved"  # what was found is not given up for an error


def stuck(tiny, out, at):
    """Start an evaluation whose third instance never ends; return when it has got there."""
    child = subprocess.Popen(
        tiny.command("gold", out, "-i", "tiny-*", "--parallel", 1),
        env=tiny.environment(STUCK="tiny-3", STUCK_AT=at),
        cwd=out.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 100
    while not at.exists() and child.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    assert at.exists(), child.communicate()
    return child


def test_a_killed_evaluation_loses_no_grade(tiny, tmp_path):
    out = tmp_path / "out"
    child = stuck(tiny, out, tmp_path / "at")
    child.kill()
    child.communicate()
    assert set(grades(out)) == {"tiny-1", "tiny-2"}
    assert not (out / "report.json").exists()
    (out / "tiny-2" / ".part-torn").write_text("{")
    (out / "tiny-2" / "grade.json").write_text('{"instance_id": "tiny-2", ')
    done = tiny.evaluate("gold", out, "-i", "tiny-*")
    assert done.returncode == 0, done.stderr
    kept = [line for line in done.stderr.splitlines() if "as before" in line]
    assert [" tiny-1: resolved, " in line for line in kept] == [True]  # the torn one was graded again
    report = json.loads((out / "report.json").read_text())
    assert report["resolved_ids"] == ["tiny-1", "tiny-2", "tiny-3", "tiny-4"]
    assert not (out / "tiny-2" / ".part-torn").exists()


def test_an_interrupted_evaluation_says_how_to_go_on(tiny, tmp_path):
    out = tmp_path / "out"
    child = stuck(tiny, out, tmp_path / "at")
    busy = tiny.evaluate("gold", out, "-i", "tiny-1")
    assert (busy.returncode, "is in use by another evaluation" in busy.stderr) == (2, True)
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 130, told
    assert told.splitlines()[-1] == (f"mangabey: interrupted; go on with: mangabey evaluate --resume {out}")
    assert "Traceback" not in told
    assert set(grades(out)) == {"tiny-1", "tiny-2"}


def test_without_an_engine_an_image_is_an_infrastructure_failure(tiny, tmp_path):
    row = {"instance_id": "a-1", "repo": "o/a", "base_commit": "0" * 40, "image": "nobody/has:this"}
    row |= {"FAIL_TO_PASS": ["t"], "log_parser": "junit", "test_command": "pytest"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    preds = predictions(tmp_path / "p.jsonl", a_1=RIGHT)
    command = ["evaluate", preds, "--tasks", "rows.jsonl", "--out", "out"]
    done = tiny.run(
        [sys.executable, "-m", "mangabey", *map(str, command)],
        tmp_path,
        DOCKER_HOST=f"unix://{tmp_path}/none",
    )
    assert done.returncode == 1, done.stderr
    one = grades(tmp_path / "out")["a-1"]
    assert (one["status"], one["image"]) == ("infrastructure", "nobody/has:this")
    assert "no Docker engine answers" in one["message"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["infra_failure_ids"] == report["error_ids"] == ["a-1"]
    assert report["empty_patch_ids"] == []


GOOD = json.dumps({"instance_id": "tiny-1", "model_name_or_path": "m", "model_patch": RIGHT})


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        (None, [], "there is no file of predictions"),
        ("", [], "holds no predictions"),
        (GOOD + "\n{\n", [], "p.jsonl line 2 is no JSON"),
        ("[1]", [], "p.jsonl line 1 is no object"),
        (GOOD + "\n" + GOOD, [], "more than one prediction for tiny-1"),
        (GOOD.replace("tiny-1", "tiny-11"), [], "not in the task set: tiny-11; did you mean tiny-1?"),
        (GOOD.replace('"instance_id"', '"id"'), [], "has no 'instance_id'"),
        (GOOD.replace('"model_patch"', '"patch"'), [], "(tiny-1) has no 'model_patch'"),
        (GOOD, ["-i", "tiny-2"], "no prediction is for one of the chosen instances"),
        (GOOD, ["-i", "tony-2"], "did you mean tiny-2?"),
        (GOOD, ["--shard", "3/2"], "is no shard"),
        (GOOD, ["--sandbox", "dockr"], "did you mean docker?"),
        (GOOD, ["--set-aside", "none.json"], "cannot be read from"),
        (GOOD, ["--set-aside", "p.jsonl"], "is no object of lists of tests"),
        (GOOD, ["--resume", "."], "leave out"),
    ],
)
def test_wrong_use_is_told_in_one_line_and_writes_nothing(
    tiny, tmp_path, monkeypatch, capfd, content, more, said
):
    monkeypatch.chdir(tmp_path)
    for name, value in tiny.environment().items():
        monkeypatch.setenv(name, value)
    if content is not None:
        Path("p.jsonl").write_text(content)
    before = sorted(tmp_path.rglob("*"))
    assert run_here(["evaluate", "p.jsonl", "--tasks", tiny.name, *more]) == 2
    told = capfd.readouterr()
    assert said in told.err
    assert len(told.err.splitlines()) == 1
    assert not told.out
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gold"], "say what to evaluate"),
        (["--resume", "nowhere"], "holds no evaluation that can be resumed"),
        (["gold", "--tasks", "verifed"], "did you mean verified?"),
        (["gold", "--tasks", "pypi", "--out", "solved"], "holds a run"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(tmp_path, monkeypatch, capfd, arguments, said):
    monkeypatch.chdir(tmp_path)
    Path("solved").mkdir()
    Path("solved/run.json").write_text("{}")
    assert run_here(["evaluate", *arguments]) == 2
    told = capfd.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1
    assert [path.name for path in Path("solved").iterdir()] == ["run.json"]
