"""Evidence on disk: what is written is read, and what is damaged is refused in one line."""

from __future__ import annotations

import copy
import gzip
import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selection.candidate import Candidate, TestFile
from selection.clusters import Clusters
from selection.evidence import Comparison, Evidence
from selection.evidence_file import EvidenceError, read_evidence, write_evidence
from selection.lab import Label, Plan, figures_of, play, with_labels
from selection.lab.entrants import entrants
from selection.lab.fits import Shipped
from selection.lab.sources import judges
from selection.matrix import BASE, TestCase, TestMatrix
from selection.verdict import Verdict
from tests.selection.rules.made import evidence

many = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.floats()
    | st.sampled_from(["", "a", "base", "passed"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "base"]), inner),
    max_leaves=3,
)
WHOLE = Evidence(
    "one",
    repo="a/a",
    candidates=(Candidate("a", "patch \udcff"), Candidate("b", "other"), Candidate("c", "third")),
    clusters=Clusters({"p": ("a",), "q": ("b",)}, {"c": "no such line"}),
    matrix=TestMatrix(
        (TestCase("x:t", TestFile("t.py", "assert 1", "a"), "t", ("a",)), TestCase("old", None, "old")),
        ("p", "q"),
        {},
        {("old", "p"): "AssertionError"},
    ),
    facts={"a": {"faulty": 1.0}},
    executed={"issue": {"a": 1.0, "b": 0.5}, "x:t": {"b": 0.0}},
    results={"input": {"a": "5", "b": "7"}},
    verdicts=(Verdict("verifier:patch", "a", 0.5, ""), Verdict("verifier:patch", "b", None, "")),
    comparisons=(Comparison("duel", ("a", "b"), "a"),),
)


def told(path) -> str:
    with pytest.raises(EvidenceError) as caught:
        list(read_evidence(path))
    return str(caught.value)


def line_of(one: Evidence, folder):
    path = folder / "written.jsonl"
    write_evidence(path, [one])
    return json.loads(path.read_text())


@many
@given(some=st.lists(evidence(), max_size=3), name=st.sampled_from(["e.jsonl", "e.jsonl.gz"]))
def test_what_is_written_is_read(tmp_path, some, name):
    write_evidence(tmp_path / name, some)
    assert list(read_evidence(tmp_path / name)) == some


def test_bytes_that_are_no_text_come_back(tmp_path):
    write_evidence(tmp_path / "e.jsonl", [WHOLE])
    (found,) = read_evidence(tmp_path / "e.jsonl")
    assert found.candidates[0].patch == "patch \udcff"


@many
@given(data=st.data(), name=st.sampled_from(["e.jsonl", "e.jsonl.gz"]))
def test_a_file_with_mangled_bytes_is_read_or_refused(tmp_path, data, name):
    path = tmp_path / name
    write_evidence(path, [data.draw(evidence(least=1, most=3)), WHOLE])
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(at, len(raw)) | st.just(min(at + 1, len(raw))))
        raw[at:end] = data.draw(st.binary(max_size=3))
    path.write_bytes(raw)
    is_played_or_refused(path)


@many
@given(data=st.data())
def test_a_file_with_mangled_values_is_read_or_refused(tmp_path, data):
    record = line_of(data.draw(evidence(least=1, most=3) | st.just(WHOLE)), tmp_path)
    for _ in range(data.draw(st.integers(1, 2))):
        mangle(record, data)
    path = tmp_path / "e.jsonl"
    path.write_text(json.dumps(record) + "\n")
    is_played_or_refused(path)


def mangle(record, data) -> None:
    """Take something out of a record, double it, or put another value there, most often of its kind."""
    places = list(within(record))
    listed = [(holder, key) for holder, key in places if isinstance(holder, list)]
    how = data.draw(st.sampled_from(["out", "twice", "like it", "anything"]))
    holder, key = data.draw(st.sampled_from(listed if how == "twice" and listed else places))
    if how == "out":
        del holder[key]
    elif how == "twice" and listed:
        holder.append(copy.deepcopy(holder[key]))
    elif how == "like it":
        kind = type(holder[key])
        alike = [inner[at] for inner, at in places if type(inner[at]) is kind]
        holder[key] = copy.deepcopy(data.draw(st.sampled_from(alike)))
    else:
        holder[key] = data.draw(ANYTHING)


def within(value):
    """Yield every place of a record."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from within(value[key])


def is_played_or_refused(path) -> None:
    """Whether a file is measured by every rule and judge, or refused in words that name it."""
    try:
        found = list(read_evidence(path))
    except EvidenceError as error:
        said = str(error)
    else:
        said = ""
        measured(found)
    assert not said or said.startswith((f"{path} line ", f"cannot read {path}"))


def measured(found) -> None:
    labels = {
        one.id: Label(resolved=not number) for issue in found for number, one in enumerate(issue.candidates)
    }
    if issues := with_labels(found, labels):
        plan, playing = Plan((1, 2), samples=4), entrants([], issues, Shipped())
        figures_of(play(issues, playing, plan), playing, plan)
        judges(issues, Shipped(), plan.ks)


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        (("schema_version",), "evidence 99", "is of schema 'evidence 99', and 'evidence 1' is read"),
        (("schema_version",), None, "is of schema None"),
        (("outcomes", "base"), [], "0 outcomes in the row 'base' of 2 tests"),
        (("outcomes", "r"), [], "the rows of `outcomes`"),
        (("rows",), ["p", "z"], "the row 'z' is no cluster"),
        (("tests", 0, "file"), 1, "lies in file 1 of 1"),
        (("tests", 0, "file"), -1, "lies in file -1 of 1"),
        (("tests", 0, "id"), "old", "two tests are called 'old'"),
        (("candidates", 0, "id"), "b", "two candidates are called 'b'"),
        (("members", "p"), ["a", "b"], "'b' is in two clusters"),
        (("members", "p"), ["z"], "no candidate is called 'z'"),
        (("idle",), ["z"], "no candidate is called 'z'"),
        (("idle",), ["a"], "'a' is in two clusters"),
        (("candidates", 0, "patch"), "\ud800", "'a' is no text: half a surrogate pair"),
        (("files", 0, "content"), "\ud800", "is no text: half a surrogate pair"),
        (("verdicts", 0, "candidate"), "z", "no candidate is called 'z'"),
        (("verdicts", 0, "score"), 1.5, "1.5 is no score"),
        (("verdicts", 0, "score"), float("nan"), "nan is no score"),
        (("facts", "a", "faulty"), float("inf"), "inf is no fact"),
        (("executed", "issue", "a"), 1.5, "1.5 is no share from 0 to 1"),
        (("executed", "issue"), {"z": 1.0}, "no candidate is called 'z'"),
        (("results", "input"), {"z": "5"}, "no candidate is called 'z'"),
        (("comparisons", 0, "picked"), "c", "'duel' picked 'c', which it was not shown"),
        (("candidates", 0, "patch"), 7, "candidates.0.patch"),
    ],
)
def test_a_line_that_contradicts_itself_is_refused_by_place_and_reason(tmp_path, place, value, why):
    record = line_of(WHOLE, tmp_path)
    inner = record
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path = tmp_path / "e.jsonl"
    path.write_text(json.dumps(line_of(WHOLE, tmp_path)) + "\n" + json.dumps(record) + "\n")
    said = told(path)
    assert said.startswith(f"{path} line 2 is ")
    assert why in said
    assert "make it anew" in said


def test_a_compressed_file_that_is_cut_off_or_damaged_is_told(tmp_path):
    path = tmp_path / "e.jsonl.gz"
    many_lines = [replace(WHOLE, task=str(number)) for number in range(50)]
    write_evidence(path, many_lines)
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    assert f"cannot read {path}" in told(path)
    path.write_bytes(raw[:30] + bytes(10) + raw[40:])
    assert f"cannot read {path}" in told(path)
    path.write_bytes(gzip.decompress(raw))
    assert "gzip" in told(path)


def test_outcomes_of_every_row_come_back(tmp_path):
    write_evidence(tmp_path / "e.jsonl", [WHOLE])
    (found,) = read_evidence(tmp_path / "e.jsonl")
    assert found.matrix.outcomes.keys() == {(t, row) for t in ("x:t", "old") for row in (BASE, "p", "q")}
