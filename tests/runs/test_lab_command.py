"""`mangabey lab` as a user runs it: on evidence files, on journals of runs, and on what is no such thing."""

from __future__ import annotations

import json

import pytest

from runs.cli import run
from runs.journal import Journal
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
    assert by_name["majority-patch"]["at"][-1]["best"]["value"] == pytest.approx(1 / 2)
    assert (plots / "best-at-k.svg").exists()


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
    assert "1 issues of 1 repositories, 2.0 candidates each; on 1 they disagree." in capsys.readouterr().out
