"""`mangabey lab` as a user runs it: on evidence files, on journals of runs, and on what is no such thing."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from envs.grade import Grade, GradeStatus
from runs.cli import run
from runs.graded import Graded, write_graded
from runs.journal import Journal
from runs.taking_up import REOPENED
from selection.evidence_file import write_evidence
from selection.lab.labelled import Label
from selection.lab.labelled import with_labels as label_all
from tests.selection.lab.made import issue_of


@pytest.fixture
def evidence(tmp_path):
    """Two issues on disk and the labels of their candidates."""
    folder = tmp_path / "evidence"
    folder.mkdir()
    first = issue_of([True, False, False], scores=[0.9, 0.5, 0.1], programs=[0, 0, 1], task="one")
    write_evidence(folder / "one.jsonl.gz", [first.evidence])
    (folder / "labels.json").write_text(json.dumps(dict(first.resolved)))
    return folder


def test_tables_fit_80_columns_and_json_holds_every_figure(evidence, tmp_path, capsys):
    out = tmp_path / "lab.json"
    labels = str(evidence / "labels.json")
    plots = tmp_path / "plots"
    assert run(["lab", str(evidence), "--labels", labels, "--json", str(out), "--plots", str(plots)]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "majority-patch" in shown
    assert "reader" in shown
    data = json.loads(out.read_text())
    assert data["schema_version"] == "lab 1"
    assert data["plan"]["ks"] == [1, 2, 4, 8, "all"]
    by_name = {rule["name"]: rule for rule in data["figures"]["rules"]}
    assert by_name["random"]["at"][-1]["best"]["value"] == pytest.approx(1 / 3)
    features = {one["name"]: one for one in data["features"]}
    assert (features["size"]["right"], features["size"]["wrong"]) == (1, 2)
    assert by_name["majority-patch"]["at"][-1]["best"]["value"] == pytest.approx(1 / 2)
    assert (plots / "best-at-k.svg").exists()


@pytest.mark.parametrize(
    ("ks", "title", "best"),
    [
        ("1", "With 1 candidate,", "33.3"),
        ("1,2", "With 2 candidates,", "66.7"),
        ("1,all", "With all", "100.0"),
    ],
)
def test_a_table_says_of_how_many_candidates_it_is(evidence, capsys, ks, title, best):
    given = ["lab", str(evidence), "--labels", str(evidence / "labels.json"), "--rules", "random"]
    assert run([*given, "--k", ks]) == 0
    shown = capsys.readouterr().out
    assert title in shown
    assert f"best@{ks.split(',')[-1]}" in shown
    (reader,) = [line for line in shown.splitlines() if line.startswith("reader")]
    assert reader.split()[-1] == best


def test_how_far_it_is_is_told_without_a_terminal(evidence, capsys, monkeypatch):
    more = issue_of([False, True], task="two")
    write_evidence(evidence / "two.jsonl.gz", [more.evidence])
    given = ["lab", str(evidence), "--labels", str(evidence / "labels.json"), "--rules", "random"]
    assert run(given) == 0
    quiet = capsys.readouterr()
    assert quiet.err == "playing the rules on 2 issues\n"
    monkeypatch.setattr("runs.commands.lab.EVERY", 0.0)
    assert run(given) == 0
    told = capsys.readouterr()
    assert [line.partition("] ")[2] for line in told.err.splitlines()[1:]] == [
        "1 of 2 issues",
        "2 of 2 issues",
    ]
    assert told.out == quiet.out


def test_the_same_seed_gives_the_same_report(evidence, tmp_path):
    labels = str(evidence / "labels.json")
    texts = []
    for name in ("a.json", "b.json"):
        assert run(["lab", str(evidence), "--labels", labels, "--json", str(tmp_path / name)]) == 0
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no nowhere"),
        (["EVIDENCE"], "nothing says which candidates are right"),
        (["EVIDENCE", "--labels", "LABELS", "--rules", "best-of-all"], "no rule is called"),
        (["EVIDENCE", "--labels", "LABELS", "--k", "0,2"], "--k takes"),
        (["EVIDENCE", "--labels", "LABELS", "--drop", "bad"], "no mark 'bad'"),
        (["EVIDENCE", "--labels", "LABELS", "--quality", "checked"], "no candidate of the evidence"),
        (["EMPTY", "--labels", "LABELS"], "holds neither evidence"),
    ],
)
def test_wrong_use_is_one_line(evidence, tmp_path, capsys, arguments, said):
    (tmp_path / "empty").mkdir()
    places = {
        "EVIDENCE": str(evidence),
        "LABELS": str(evidence / "labels.json"),
        "EMPTY": str(tmp_path / "empty"),
    }
    assert run(["lab", *(places.get(one, one) for one in arguments)]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.strip().splitlines()) == 1


def test_damaged_evidence_is_named(tmp_path, capsys):
    file = tmp_path / "torn.jsonl"
    file.write_text('{"task": "x"}\n')
    assert run(["lab", str(file), "--labels", str(file)]) == 2
    assert "torn.jsonl line 1 is no evidence" in capsys.readouterr().err


def test_evidence_of_another_schema_is_refused_by_name(evidence, capsys):
    path = evidence / "new.jsonl"
    path.write_text(json.dumps({"schema_version": "evidence 99", "task": "one"}) + "\n")
    assert run(["lab", str(path), "--labels", str(evidence / "labels.json")]) == 2
    told = capsys.readouterr().err
    assert "line 1 is of schema 'evidence 99', and 'evidence 1' is read" in told
    assert len(told.strip().splitlines()) == 1


def test_compressed_evidence_that_is_cut_off_is_refused(evidence, capsys):
    path = evidence / "one.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    assert run(["lab", str(path), "--labels", str(evidence / "labels.json")]) == 2
    told = capsys.readouterr().err
    assert "one.jsonl.gz" in told
    assert len(told.strip().splitlines()) == 1


def test_labels_do_not_reach_rules():
    issue = issue_of([True, False])
    (found,) = label_all([issue.evidence], {"c0": Label(resolved=True), "c1": Label(resolved=False)})
    assert found.evidence == issue.evidence.only(found.ids)


async def test_a_run_is_measured_from_its_own_journal(tmp_path, capsys):
    issue = issue_of([True, False], programs=[0, 1], scores=[0.9, 0.1], task="one")
    with Journal(tmp_path / "run" / "one") as journal:
        write_evidence(journal.folder / "evidence.jsonl.gz", [issue.evidence])
        for id_, right in issue.resolved.items():
            graded = {"patch": issue.evidence.candidate(id_).patch, "resolved": right, "status": ""}
            await journal.append("benchmark grade", graded)
    assert run(["lab", str(tmp_path / "run"), "--rules", "random"]) == 0
    assert "1 issue of 1 repository, 2.0 candidates each; on 1 they disagree." in capsys.readouterr().out


def test_an_evaluation_labels_the_candidates_of_its_patches(evidence, tmp_path, capsys):
    folder = tmp_path / "evaluation"
    preds = tmp_path / "preds.jsonl"
    patch = issue_of([True, False, False]).evidence.candidate("c1").patch
    preds.write_text(json.dumps({"instance_id": "one", "model_patch": patch}) + "\n")
    folder.mkdir()
    (folder / "evaluation.json").write_text(json.dumps({"predictions": str(preds), "tasks": "rows.jsonl"}))
    grade = Graded(instance_id="one", model="m", key="k", status=GradeStatus.RESOLVED)
    write_graded(folder, grade, "log")
    given = ["lab", str(evidence), str(folder), "--rules", "random+none", "--k", "1"]
    assert run(given) == 0
    # c0 made the same program as c1, which was graded; of c2 nothing is known
    assert "1 issue of 1 repository, 2.0 candidates each; on 0 they disagree." in capsys.readouterr().out
    assert run([*given, "--quality", "graded"]) == 0
    assert "1 issue of 1 repository, 1.0 candidates each" in capsys.readouterr().out


def test_a_run_that_goes_on_is_not_read(tmp_path, capsys):
    with Journal(tmp_path / "run" / "one") as journal:
        write_evidence(journal.folder / "evidence.jsonl.gz", [issue_of([True]).evidence])
        assert run(["lab", str(tmp_path / "run")]) == 1
    assert "is in use by another run" in capsys.readouterr().err


def test_a_control_of_other_issues_is_told(evidence, capsys):
    other = issue_of([True], task="two")
    write_evidence(evidence / "two.jsonl", [other.evidence])
    labels = str(evidence / "labels.json")
    given = ["lab", str(evidence), "--labels", labels, "--control", str(evidence / "two.jsonl")]
    assert run([*given, "--rules", "random"]) == 0
    assert "--control is of 1 issues and the rules of 1, of which 0 are the same" in capsys.readouterr().out


@pytest.mark.parametrize("issues", [0, 2])
async def test_a_run_whose_evidence_is_not_of_one_issue_is_refused(tmp_path, capsys, issues):
    with Journal(tmp_path / "run" / "one") as journal:
        write_evidence(journal.folder / "evidence.jsonl.gz", [issue_of([True]).evidence] * issues)
    assert run(["lab", str(tmp_path / "run")]) == 2
    assert f"holds {issues} issues instead of one" in only_line(capsys)


def only_line(capsys) -> str:
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("benchmark grade", {"status": 1}),
        ("reply", {"sample": 0}),
        ("reply", {"sample": 0, "turn": 0, "reply": {"words": "x"}}),
        ("selection_reply", {"request": "x", "reply": None}),
    ],
)
async def test_a_damaged_event_names_its_folder(tmp_path, capsys, kind, data):
    with Journal(tmp_path / "run" / "one") as journal:
        write_evidence(journal.folder / "evidence.jsonl.gz", [issue_of([True]).evidence])
        await journal.append(kind, data)
    assert run(["lab", str(tmp_path / "run")]) == 1
    assert f"{tmp_path / 'run' / 'one'}: an event is damaged" in only_line(capsys)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"predictions": 3, "tasks": "rows.jsonl"}'])
def test_a_damaged_evaluation_is_refused(evidence, tmp_path, capsys, text):
    folder = tmp_path / "evaluation"
    folder.mkdir()
    (folder / "evaluation.json").write_text(text)
    assert run(["lab", str(evidence), str(folder)]) == 2
    assert "evaluation.json is damaged" in only_line(capsys)


def test_an_evaluation_of_some_of_its_predictions_is_read(evidence, tmp_path, capsys):
    folder, preds = tmp_path / "evaluation", tmp_path / "preds.jsonl"
    patch = issue_of([True, False, False]).evidence.candidate("c2").patch
    rows = [{"instance_id": name, "model_patch": patch} for name in ("one", "another")]
    preds.write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder.mkdir()
    (folder / "evaluation.json").write_text(json.dumps({"predictions": str(preds), "tasks": "rows.jsonl"}))
    write_graded(folder, Graded(instance_id="one", model="m", key="k", status=GradeStatus.UNRESOLVED), "log")
    assert run(["lab", str(evidence), str(folder), "--rules", "random"]) == 0
    shown = capsys.readouterr().out
    assert "1 issue of 1 repository, 1.0 candidates each" in shown
    assert (
        "2 of 3 candidates have no label that counts and are left out, and with them 0 of 1 issues" in shown
    )


@pytest.mark.parametrize(
    ("status", "code"), [("environment_broken", 2), ("flaky", 2), ("unresolved", 0), ("resolved", 0)]
)
async def test_a_grade_that_says_nothing_of_a_patch_is_no_label(tmp_path, capsys, status, code):
    issue = issue_of([True], task="one")
    with Journal(tmp_path / "run" / "one") as journal:
        write_evidence(journal.folder / "evidence.jsonl.gz", [issue.evidence])
        await journal.append("decision", {"patch": issue.evidence.candidates[0].patch})
        grade = Grade("one", GradeStatus(status))
        await journal.append("grade", TypeAdapter(Grade).dump_python(grade, mode="json"))
    for folder in (tmp_path / "run", tmp_path / "run" / "one"):  # all of the run, and its one issue
        assert run(["lab", str(folder), "--rules", "random"]) == code
        told = capsys.readouterr()
        assert ("nothing says which candidates are right" in told.err) is (code == 2)


async def test_the_grade_of_a_decision_that_was_taken_back_labels_nothing(tmp_path, capsys):
    issue = issue_of([True], task="one")
    with Journal(tmp_path / "run" / "one") as journal:
        write_evidence(journal.folder / "evidence.jsonl.gz", [issue.evidence])
        await journal.append("decision", {"patch": issue.evidence.candidates[0].patch})
        grade = Grade("one", GradeStatus.UNRESOLVED)
        await journal.append("grade", TypeAdapter(Grade).dump_python(grade, mode="json"))
        await journal.append(REOPENED, {})
    assert run(["lab", str(tmp_path / "run"), "--rules", "random"]) == 2
    assert "nothing says which candidates are right" in capsys.readouterr().err


async def test_disagreeing_grades_of_one_program_say_nothing_of_its_other_candidates(tmp_path, capsys):
    issue = issue_of([True, False, False], programs=[0, 0, 0], task="one")
    with Journal(tmp_path / "run" / "one") as journal:
        write_evidence(journal.folder / "evidence.jsonl.gz", [issue.evidence])
        for id_ in ("c0", "c1"):
            patch = issue.evidence.candidate(id_).patch
            await journal.append("benchmark grade", {"patch": patch, "resolved": issue.resolved[id_]})
    assert run(["lab", str(tmp_path / "run"), "--rules", "random"]) == 0
    assert "1 issue of 1 repository, 2.0 candidates each; on 1 they disagree." in capsys.readouterr().out


async def test_a_grade_labels_the_candidates_of_its_own_issue(tmp_path, capsys):
    """The same patch in another issue, which has the same id there, was not graded."""
    for task in ("one", "two"):
        with Journal(tmp_path / "run" / task) as journal:
            write_evidence(journal.folder / "evidence.jsonl.gz", [issue_of([True], task=task).evidence])
            if task == "one":
                patch = issue_of([True]).evidence.candidates[0].patch
                await journal.append("benchmark grade", {"patch": patch, "resolved": True})
    assert run(["lab", str(tmp_path / "run"), "--rules", "random"]) == 0
    assert "1 issue of 1 repository, 1.0 candidates each" in capsys.readouterr().out


def test_an_issue_that_is_recorded_twice_is_told(evidence, capsys):
    (evidence / "two.jsonl.gz").write_bytes((evidence / "one.jsonl.gz").read_bytes())
    assert run(["lab", str(evidence), "--labels", str(evidence / "labels.json"), "--rules", "random"]) == 0
    shown = capsys.readouterr().out
    assert "1 issues are recorded more than once, and the last record counts alone: one that of" in shown
    assert f"{evidence / 'two.jsonl.gz'}, not of {evidence / 'one.jsonl.gz'}" in shown


def test_a_judge_may_have_any_name(evidence, capsys):
    issue = issue_of([True, False], scores=[0.9, 0.1], task="one")
    named = tuple(replace(one, judge="[/x] [gpt]") for one in issue.evidence.verdicts)
    write_evidence(evidence / "one.jsonl.gz", [replace(issue.evidence, verdicts=named)])
    assert run(["lab", str(evidence), "--labels", str(evidence / "labels.json"), "--rules", "random"]) == 0
    assert "[/x] [gpt]" in capsys.readouterr().out


def test_a_place_that_cannot_take_the_results_is_refused_before_anything_is_measured(evidence, capsys):
    labels = evidence / "labels.json"
    given = ["lab", str(evidence), "--labels", str(labels)]
    for option, place, said in (("--plots", labels, "is a file"), ("--json", evidence, "is a folder")):
        assert run([*given, option, str(place)]) == 2
        told = capsys.readouterr()
        assert f"{place} {said}" in told.err
        assert not told.out
