from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from dataclasses import asdict

import pytest
from rich.console import Console

from agent.trajectory import ExitReason
from envs.grading import Grade, GradeStatus
from envs.outcomes import Outcome
from runs.decision import Compared, Said, decision_of
from runs.display.choice import render_choice
from runs.display.live import LiveDisplay
from runs.display.plain import line_of, one_line
from runs.display.result import render
from runs.progress import Noticed, SampleBegan, SampleEnded, SampleTurned, StageBegan
from runs.report import Diversity
from runs.round_events import Round
from runs.selecting import Choice
from selection.candidate import Candidate
from selection.clusters import Clusters
from selection.evidence import Comparison, Evidence
from selection.rules import rule_named
from tests.interpreter import lean_python
from tests.runs.conftest import ISSUE, environment
from tests.runs.reported import PATCH, rendered, report


@pytest.mark.parametrize("columns", [0, 1, 8, 30])
def test_the_report_fits_80_columns(tmp_path, columns):
    text = rendered(report(columns=columns), tmp_path)
    lines = text.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    assert "A title with [markup]" in text
    assert "-[red]x[/]" in text
    assert "→ samples 0, 2" in text
    assert "[bold]file.diff: its diff is empty" in text
    assert "not graded" in text
    assert "breaks: existing tests that pass on the base and not with it, of 3\n" in text


def test_a_patch_can_be_applied_from_the_report_where_it_is_no_terminal(tmp_path):
    wide = f"\tx = {'1 + ' * 40}1  \x0c"
    after = b"\xff = 2\n"
    head = "diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n"
    patch = f"{head} {wide}\n-y\n+{after.decode('utf-8', 'surrogateescape')}"
    decision = report().decision.model_copy(update={"patch": patch})
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    render(report(decision=decision), tmp_path, Console(file=stream, width=80, highlight=False))
    stream.flush()
    (tmp_path / "a.py").write_bytes(f"{wide}\ny\n".encode())
    subprocess.run(["git", "apply"], cwd=tmp_path, input=raw.getvalue(), check=True)
    assert (tmp_path / "a.py").read_bytes() == f"{wide}\n".encode() + after
    on_terminal = Console(file=io.TextIOWrapper(raw, encoding="utf-8"), force_terminal=True, width=80)
    render(report(decision=decision), tmp_path, on_terminal)
    assert "? = 2" in raw.getvalue().decode("utf-8", "replace")


def test_a_terminal_without_unicode_gets_ascii(tmp_path):
    text = rendered(report(), tmp_path, encoding="ascii")
    assert "> samples 0, 2" in text
    assert "x fails" in text


def test_the_file_with_the_tests_that_are_not_shown_is_the_one_that_is_there(tmp_path):
    assert "22 more tests in report.json" in rendered(report(columns=30), tmp_path).replace("\n", " ")
    out = io.StringIO()
    choice = Choice(instance_id="i", problem_statement="p", decision=report(columns=30).decision)
    render_choice(choice, tmp_path, Console(file=out, width=80))
    assert "more tests in decision.json" in out.getvalue()


def test_a_reader_without_any_score_is_told_with_its_reason(tmp_path):
    whole = report()
    said = [("verifier:patch", None, "unscored: the server is\ngone"), ("verifier:digest", 0.5, "")]
    verdicts = tuple(
        Said(judge=judge, candidate=one, score=score, evidence=why)
        for judge, score, why in said
        for one in ("c1", "c3")
    )
    decision = whole.decision.model_copy(update={"verdicts": verdicts})
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path)
    assert "verifier:patch: scores none of 2: the server is\ufffdgone" in text
    assert "verifier:digest: scores none" not in text


def test_whom_comparisons_picked_and_why_they_did_not_is_told(tmp_path):
    whole = report()
    said = [
        ("duel", "", "no choice in 10 replies"),
        ("duel", "", "x"),
        ("trae", "c1", ""),
        ("trae", "c1", ""),
    ]
    comparisons = tuple(
        Compared(judge=judge, shown=("c1", "c3"), picked=picked, evidence=why) for judge, picked, why in said
    )
    decision = whole.decision.model_copy(update={"comparisons": comparisons})
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path)
    assert "duel: 2 comparisons, 2 for nobody (no choice in 10 replies)\n" in text
    assert "trae: 2 comparisons, 2 for sample 0\n" in text


@pytest.mark.parametrize("columns", [0, 8])
def test_who_comes_to_the_same_on_inputs_stands_in_the_table(tmp_path, columns):
    known = report(columns=columns)
    told = {"inputs": 12, "alike": {"k1": 0.7, "k2": 0.3}, "probabilities": {"k1": 0.6, "k2": 0.2}}
    text = rendered(known.model_copy(update={"decision": known.decision.model_copy(update=told)}), tmp_path)
    assert max(map(len, text.splitlines()[:-1])) <= 80
    (row,) = [line for line in text.splitlines() if line.startswith("→ samples")]
    assert "70%" in row
    assert "alike: the share that comes to the same, mean of 12 inputs that part them\n" in text
    assert "alike: " not in rendered(known, tmp_path)


def test_the_decision_keeps_who_comes_to_the_same():
    clusters = Clusters({"k": ("a",), "l": ("b",), "m": ("c",)})
    candidates = tuple(Candidate(name, PATCH) for name in "abc")
    results = {"x": {"a": "1", "b": "1", "c": "2"}}
    evidence = Evidence("pkg__1-1", candidates=candidates, clusters=clusters, results=results)
    found = decision_of(evidence, rule_named("posterior").choose(evidence))
    assert (found.inputs, found.alike) == (1, pytest.approx({"k": 2 / 3, "l": 2 / 3, "m": 1 / 3}))


def test_the_decision_keeps_what_comparisons_said():
    candidates = tuple(Candidate(name, PATCH) for name in ("a", "b"))
    said = Comparison("trae", ("a", "b"), "b", "B is fine", round=1)
    evidence = Evidence("pkg__1-1", candidates=candidates, comparisons=(said,))
    (kept,) = decision_of(evidence, rule_named("random").choose(evidence)).comparisons
    assert kept.model_dump() == asdict(said)


def test_an_abstention_and_a_grade_are_said(tmp_path):
    assert "abstains" in rendered(report(winner=None), tmp_path)
    failed = Grade("pkg__1-1", GradeStatus.UNRESOLVED, {"a": Outcome.FAILED}, {"b": Outcome.PASSED})
    shown = report(grade=failed)
    assert "unresolved  0 of 1 FAIL_TO_PASS, 1 of 1 PASS_TO_PASS" in rendered(shown, tmp_path)
    assert not shown.succeeded
    assert report().succeeded
    assert not report(winner=None).succeeded


def test_lines_of_progress():
    assert line_of(StageBegan("matrix", "5 candidates")) == "matrix: 5 candidates"
    assert line_of(SampleTurned(1, 2, "x")) == ""
    assert line_of(Noticed("hm")) == "note: hm"
    assert line_of(SampleEnded(3, ExitReason.GAVE_UP, "no\nidea", 1.25)) == "sample 3: gave_up (1.2 s) no"
    assert "journal" in line_of(SampleEnded(3, ExitReason.SUBMITTED, "", 1.0, replayed=True))
    assert len(one_line("x" * 500)) == 100


def test_crews_and_rounds_are_shown_in_few_words_within_80_columns(tmp_path):
    live = LiveDisplay()
    live.listen(StageBegan("sample", "round 2: 1 tester, 2 test-and-edit (tests do not tell the best apart)"))
    for sample, kind in ((0, "test-and-edit"), (11, "tester")):
        live.listen(SampleBegan(sample, kind))
        live.listen(SampleTurned(sample, 4, "looking at " + "everything " * 20))
    text = drawn_by(live)
    assert "sample  round 2" in text
    rows = [line.split()[:4] for line in text.splitlines()[1:]]
    assert rows == [["sample", "0", "test-and-edit", "5"], ["sample", "11", "tester", "5"]]
    assert max(map(len, text.splitlines())) <= 80


def test_one_kind_takes_no_column():
    live = LiveDisplay()
    live.listen(StageBegan("sample", "4 trajectories of builtin/repair"))
    live.listen(SampleBegan(0, "tool-agent"))
    live.listen(SampleEnded(0, ExitReason.SUBMITTED, "done", 1.0))
    assert "tool-agent" not in drawn_by(live)
    assert "round" not in drawn_by(live)


def drawn_by(live):
    """What the live display shows right now, on 80 columns."""
    stream = io.StringIO()
    Console(file=stream, width=80).print(live._picture())
    return stream.getvalue()


def test_what_was_drawn_and_how_different_it_is_stands_in_the_report(tmp_path):
    assert "drawn     2 different programs of 3 trajectories (0.67 each)" in rendered(report(), tmp_path)
    rounds = (
        Round(number=1, samples=(0, 1)),
        Round(number=2, samples=(2, 3), reason="the lead can be overtaken"),
        Round(number=3, samples=(), reason="4 candidates behave like the lead: 2 more cannot overtake it"),
    )
    text = rendered(report(rounds=rounds), tmp_path)
    assert "2 rounds" in text
    assert "cannot overtake it" in " ".join(text.split())
    assert max(map(len, text.splitlines()[:-1])) <= 80
    alone = Diversity(trajectories=1, clusters=1, per_trajectory=1.0)
    assert "1 different program of 1 trajectory (1.00 each)" in rendered(report(diversity=alone), tmp_path)
    nobody = Diversity(trajectories=0, clusters=0, per_trajectory=None)
    assert "0 different programs of 0 trajectories" in rendered(report(diversity=nobody), tmp_path)


def test_on_a_terminal_the_run_is_shown_live(checkout, actor, tmp_path):
    (tmp_path / "work").mkdir(exist_ok=True)
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "mangabey",
                "solve",
                "--repo",
                checkout,
                "--issue",
                ISSUE,
                "--model",
                actor,
            ),
            *("--samples", "2", "--python", lean_python()),
            *("--sandbox", "daemonless", "--out", tmp_path / "run"),
        ],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=tmp_path / "work",
        env=environment(tmp_path, TERM="xterm", THINKING=0.1),
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:  # the other side is closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    assert child.wait() == 0, seen.decode("utf-8", "replace")
    text = seen.decode("utf-8", "replace")
    assert "sample 0" in text
    assert "→ sample 0" in text
    assert "\x1b[?25h" in text  # the cursor is given back
