"""Labels: what is read, what is refused, and which candidates count."""

from __future__ import annotations

import json

import pytest

from selection.lab.labelled import Label, LabError, read_labels, with_labels
from tests.selection.lab.made import issue_of


def test_labels_are_true_or_false_or_objects_with_more(tmp_path):
    file = tmp_path / "labels.json"
    file.write_text(json.dumps({"a": True, "b": {"resolved": False, "equals_gold": True, "number": 7}}))
    assert read_labels(file) == {"a": Label(resolved=True), "b": Label(resolved=False, equals_gold=True)}


@pytest.mark.parametrize("text", ["", "[1]", '{"a": {"verdict": true}}', '{"a": 3}', "{"])
def test_what_holds_no_labels_is_refused_with_its_name(tmp_path, text):
    file = tmp_path / "labels.json"
    file.write_text(text)
    with pytest.raises(LabError, match=r"labels\.json"):
        read_labels(file)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(LabError, match="cannot read"):
        read_labels(tmp_path / "none.json")


def test_candidates_without_a_label_were_never_made():
    evidence = issue_of([True, True, False], programs=[0, 0, 1]).evidence
    (found,) = with_labels([evidence], {"c0": Label(resolved=True), "c2": Label(resolved=False)})
    assert found.ids == ("c0", "c2")
    assert [one.id for one in found.evidence.candidates] == ["c0", "c2"]
    assert found.evidence.clusters.members == {"p0": ("c0",), "p1": ("c2",)}
    assert found.mixed
    assert with_labels([evidence], {}) == []


def test_marked_candidates_are_left_out_unless_asked_for():
    evidence = issue_of([True, False]).evidence
    labels = {"c0": Label(resolved=True, equals_gold=True), "c1": Label(resolved=False)}
    (found,) = with_labels([evidence], labels)
    assert found.ids == ("c1",)
    (found,) = with_labels([evidence], labels, drop=())
    assert found.ids == ("c0", "c1")


def test_only_verdicts_of_the_asked_quality_count():
    evidence = issue_of([True, False]).evidence
    labels = {
        "c0": Label(resolved=True, verdict_quality="checked"),
        "c1": Label(resolved=False, verdict_quality="authors"),
    }
    (found,) = with_labels([evidence], labels, qualities=("checked",))
    assert found.ids == ("c0",)
