from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from dataclasses import asdict

import pytest
from rich.console import Console

from agent.messages import Usage
from agent.trajectory import ExitReason
from envs.grading import Grade, GradeStatus
from envs.outcomes import Outcome
from runs.decision import Column, Compared, Decision, Line, Said, decision_of
from runs.display.choice import render_choice
from runs.display.live import LiveDisplay
from runs.display.names import told_apart
from runs.display.plain import line_of, one_line
from runs.display.result import render
from runs.display.values import part_of
from runs.progress import Noticed, SampleBegan, SampleEnded, SampleTurned, StageBegan
from runs.report import Diversity, Report, SampleLine
from runs.round_events import Round
from runs.selecting import Choice
from selection.candidate import Candidate
from selection.clusters import Clusters
from selection.differences.leading import Disagreement
from selection.evidence import Comparison, Evidence
from selection.rules import rule_named
from tests.interpreter import lean_python
from tests.runs.conftest import ISSUE, environment

PATCH = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-[red]x[/]\n+y\n"


def report(winner="c1", columns=2, **changes):
    passed, failed = (Outcome.PASSED,) * columns, (Outcome.FAILED,) * columns
    decision = Decision(
        rule="vote",
        reason="1 of 1 votes" if winner else "abstains: no candidate passes",
        winner=winner,
        patch=PATCH if winner else "",
        probability=None,
        columns=tuple(
            Column(
                test=f"t{number}",
                target=f"tests/test_{'long' * 20}.py::test_{number}",
                base=Outcome.FAILED if number else Outcome.PASSED,
                speaks=bool(number),
                authors=("sample 0", "sample 2"),
            )
            for number in range(columns)
        ),
        lines=(
            Line(candidate="c1", origin="sample 0", cluster="k1", outcomes=passed, votes=1, changed_lines=2),
            Line(candidate="c2", origin="sample 2", cluster="k1", outcomes=passed, votes=1, changed_lines=2),
            Line(candidate="c3", origin="sample 1", cluster="k2", outcomes=failed, rejected="fails 1 of 1"),
            Line(candidate="c4", origin="[bold]file.diff", cluster="", rejected="its diff is empty"),
        ),
        guards=3,
    )
    fields = {
        "instance_id": "pkg__1-1",
        "problem_statement": "# A title with [markup]\n\ntext",
        "model": "builtin/repair",
        "decision": decision,
        "grade": None,
        "samples": (SampleLine(sample=0, exit_reason="submitted", message="", seconds=1, turns=4),),
        "diversity": Diversity(trajectories=3, clusters=2, per_trajectory=0.667),
        "usage": Usage(),
        "cost": 0.0,
        "seconds": 12.0,
    }
    return Report(**(fields | changes))


def rendered(shown, tmp_path, encoding="utf-8", width=80):
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    render(shown, tmp_path, Console(file=stream, width=width, highlight=False))
    stream.flush()
    return raw.getvalue().decode(encoding)


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


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_inputs_that_part_programs_take_a_few_lines_of_80_columns(tmp_path, encoding):
    values = {"k1": f"'{'same' * 30}x'", "k2": f"'{'same' * 30}\x1b[2Jé'"}
    found = Disagreement(input="f('é\ud800')", where="the issue", program="p", base="1", values=values)
    short = found.model_copy(update={"input": "f(3)", "values": {"k1": "3", "k2": "4"}})
    whole = report()
    decision = whole.decision.model_copy(update={"differences": (short, found, *[found] * 6)})
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path, encoding)
    lines = text.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    at = lines.index("no test tells A (sample 0), B (sample 1) apart, but:")
    end = next(number for number, line in enumerate(lines) if line.startswith("decision"))
    assert lines[at + 1] == "  f(3) [the issue] -> A: 3; B: 4; base: 1"
    assert end - at <= 8
    assert "same" in lines[at + 3]
    assert "x'" in lines[at + 3]  # where they part, not where they begin
    assert "\x1b" not in text


def test_what_is_cut_of_a_value_is_closed_and_fits_80_columns(tmp_path):
    words = "endswith first arg must be bytes or a tuple of bytes, not str"
    values = {"k1": f"'{words} {'x' * 90}'", "k2": f"['{'same ' * 20}']"}
    found = Disagreement(input="f(b'')", where="the issue", program="p", base="None", values=values)
    whole = report()
    decision = whole.decision.model_copy(update={"differences": (found,)})
    lines = rendered(whole.model_copy(update={"decision": decision}), tmp_path).splitlines()
    line = next(line for line in lines if "A: " in line and "B: " in line)
    assert line == "    -> A: 'endswith first ...'; B: ['same same same...']; base: None"


@pytest.mark.parametrize(
    ("value", "other", "room", "part"),
    [
        ("", "", 9, "nothing"),
        ("'abc'", "", 9, "'abc'"),
        ("'abcdefghij'", "1", 6, "'abcde...'"),
        ("'abcdefghij'", "'abcdefgX", 6, "'...fghij'"),
        ("{'a': [b'abcdefghij', 1]}", "2", 12, "{'a': [b'abc...']}"),
        ("{'a': [b'abcdefghij', 1]}", "{'a': [b'abcdefghij', 2", 9, "{['...', 1]}"),
        ("[('it\\'s', \"can't\")]", "", 12, "[('it\\'s', \"...\")]"),
        ("raises ValueError: it's not so", "", 24, "raises ValueError: it's ..."),
        ("'was cut before...", "", 40, "'was cut before...'"),
    ],
)
def test_a_part_of_a_value_has_what_is_open_closed(value, other, room, part):
    assert part_of(value, other, room) == part


def test_programs_that_agree_on_an_input_share_its_value_and_keep_their_whole_names(tmp_path):
    whole = report()
    origins = {"c1": f"one/{'n' * 40} (preds.jsonl:1)", "c3": f"two/{'n' * 40} (preds.jsonl:1)"}
    lines = [
        one.model_copy(update={"origin": origins.get(one.candidate, "sample 2")})
        for one in whole.decision.lines
    ]
    found = Disagreement(
        input="printed",
        where="the issue, with 3 in place of 2",
        program="p",
        base="'name.pyname'",
        values={"k1": "'name.pyname'", "k2": "'name.py'"},
    )
    decision = whole.decision.model_copy(update={"differences": (found,), "lines": tuple(lines)})
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path)
    said = " ".join(text.split())
    assert f"A ({origins['c1']}), B ({origins['c3']}) apart, but:" in said
    assert "printed [the issue, with 3 in place of 2]" in said
    assert "-> A, base: 'name.pyname'; B: 'name.py'" in said


@pytest.mark.parametrize("columns", [1, 8])
def test_long_names_take_no_room_from_what_tells_candidates_apart(tmp_path, columns):
    whole = report(columns=columns)
    lines = [one.model_copy(update={"origin": f"{one.candidate} {'n' * 90}"}) for one in whole.decision.lines]
    said = tuple(Said(judge="features", candidate=one.candidate, score=0.25, evidence="") for one in lines)
    decision = whole.decision.model_copy(update={"lines": tuple(lines), "verdicts": said})
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path).splitlines()
    head = next(line for line in text if line.startswith("candidates"))
    row = next(line for line in text if line.startswith("→ c1 n"))
    assert head.split() == [
        "candidates",
        *(f"T{n + 1}" for n in range(min(columns, 7))),
        *("R1", "votes", "breaks", "lines"),
    ]
    assert row.split()[-3:] == ["0.25", "1", "2"]
    assert max(len(head), len(row)) <= 80


def test_names_that_begin_alike_are_cut_so_that_they_can_be_told_apart(tmp_path):
    whole, group = report(columns=3), f"owner+project:{'data/' * 12}group_b/"
    runs = {"c1": "aider", "c2": "trae/baseline/preds.json", "c3": "trae/enhanced/preds.json"}
    lines = [
        one.model_copy(update={"cluster": one.candidate, "origin": group + runs.get(one.candidate, "other")})
        for one in whole.decision.lines
    ]
    name = f"test_{'empty_' * 9}suffix"
    columns = [
        one.model_copy(update={"target": f"tests/{name}{number}.py::{name}", "authors": authors})
        for number, one in enumerate(whole.decision.columns)
        for authors in [tuple(f"my-run sample {sample}" for sample in range(3))]
    ]
    changes = {"lines": tuple(lines), "columns": tuple(columns)}
    decision = whole.decision.model_copy(update=changes)
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path).splitlines()
    top = next(number for number, line in enumerate(text) if line.startswith("(untouched base)"))
    rows = [line.split("  ")[0] for line in text[top + 1 : top + 5]]
    for row, part in zip(rows, ("aider", "baseline", "enhanced", "other"), strict=True):
        assert part in row
    tests = [line for line in text if line.startswith("T")]
    assert "no vote, as not failing on the base: T3" in text
    assert all(f"…{number}.py::" in line for number, line in zip((1, 2, 0), tests, strict=True))
    assert "T2  by my-run samples 0, 1, 2: test_" in tests[1]
    assert max(map(len, text[:-1])) <= 80


@pytest.mark.parametrize("room", [-3, 0, 1, 7, 8, 9, 20])
def test_names_fit_however_little_room_there_is(room):
    names = ["", "a", *(f"{'x' * 30}{number}{'y' * number}" for number in range(12))]
    shown = told_apart(names, room)
    assert max(map(len, shown)) <= max(1, room)
    assert room < 20 or len(set(shown)) == len(names)


def test_the_file_with_the_tests_that_are_not_shown_is_the_one_that_is_there(tmp_path):
    assert "22 more tests in report.json" in rendered(report(columns=30), tmp_path).replace("\n", " ")
    out = io.StringIO()
    choice = Choice(instance_id="i", problem_statement="p", decision=report(columns=30).decision)
    render_choice(choice, tmp_path, Console(file=out, width=80))
    assert "more tests in decision.json" in out.getvalue()


def test_names_beyond_the_fourth_are_counted(tmp_path):
    whole = report()
    lines = [
        Line(candidate=f"c{n}", origin=f"{n}.diff", cluster="k1", rejected="was not tested") for n in range(6)
    ]
    decision = whole.decision.model_copy(update={"lines": tuple(lines)})
    text = rendered(whole.model_copy(update={"decision": decision}), tmp_path)
    assert "0.diff, 1.diff, 2.diff, 3.diff +2: was not tested" in text


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
