from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selection.pool import PoolError, RawCandidate, read_candidates

DIFF = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"


def test_plain_diffs_and_predictions_of_every_form(tmp_path):
    (tmp_path / "a.diff").write_text(DIFF)
    (tmp_path / "b.patch").write_text(DIFF.removesuffix("\n"))
    one = {"instance_id": "i1", "model_name_or_path": "m", "model_patch": DIFF}
    (tmp_path / "c.jsonl").write_text(
        json.dumps(one) + "\n\n" + json.dumps(one | {"model_patch": None}) + "\n"
    )
    (tmp_path / "d.json").write_text(json.dumps([one]))
    (tmp_path / "e.json").write_text(json.dumps({"i2": {"model_name_or_path": "m", "model_patch": DIFF}}))
    (tmp_path / "f.json").write_text(json.dumps(one))
    names = ["a.diff", "b.patch", "c.jsonl", "d.json", "e.json", "f.json"]
    assert read_candidates([tmp_path / name for name in names]) == (
        RawCandidate("a.diff", DIFF, ""),
        RawCandidate("b.patch", DIFF, ""),
        RawCandidate("m (c.jsonl:1)", DIFF, "i1"),
        RawCandidate("m (c.jsonl:2)", "", "i1"),
        RawCandidate("m (d.json:1)", DIFF, "i1"),
        RawCandidate("m (e.json:1)", DIFF, "i2"),
        RawCandidate("m (f.json:1)", DIFF, "i1"),
    )


MINI = {
    "info": {"exit_status": "Submitted", "submission": DIFF, "model_stats": {"instance_cost": 0.1}},
    "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}],
    "trajectory_format": "mini-swe-agent-1",
}
SWE = {
    "trajectory": [{"action": "submit", "observation": "", "response": "done", "thought": ""}],
    "history": [],
    "info": {"exit_status": "submitted", "submission": DIFF.replace("+b", "+c")},
}


def test_trajectories_and_predictions_of_other_agents(tmp_path):
    (tmp_path / "own__project-1.traj.json").write_text(json.dumps(MINI))
    (tmp_path / "own__project-1.traj").write_text(json.dumps(SWE))
    (tmp_path / "run1.traj").write_text(json.dumps(SWE))
    (tmp_path / "x.pred").write_text(json.dumps({"instance_id": "i", "model_patch": DIFF}))
    names = ["own__project-1.traj.json", "own__project-1.traj", "run1.traj", "x.pred"]
    found = read_candidates([tmp_path / name for name in names])
    assert [(one.instance_id, one.diff[-3:], one.exit_reason) for one in found] == [
        ("own__project-1", "+b\n", "submitted"),
        ("own__project-1", "+c\n", "submitted"),
        ("", "+c\n", "submitted"),
        ("i", "+b\n", ""),
    ]


def test_a_folder_holds_all_of_these_and_no_patch_twice(tmp_path):
    first, second = tmp_path / "own__project-1", tmp_path / "own__project-2"
    first.mkdir()
    second.mkdir()
    (first / "own__project-1.traj.json").write_text(json.dumps(MINI))
    (second / "own__project-2.traj").write_text(json.dumps(SWE))
    prediction = {"instance_id": "own__project-2", "model_patch": SWE["info"]["submission"]}
    (second / "own__project-2.pred").write_text(json.dumps(prediction))
    other = {"instance_id": "own__project-3", "model_patch": DIFF}
    one = {"instance_id": "own__project-1", "model_patch": DIFF}
    (tmp_path / "preds.json").write_text(json.dumps([one, prediction, other]))
    (tmp_path / "mine.diff").write_text(DIFF)
    (tmp_path / "report.json").write_text("{}")
    (tmp_path / "run.log").write_text("log")
    found = read_candidates([tmp_path])
    assert [(one.origin, one.instance_id) for one in found] == [
        ("trajectory (own__project-1.traj.json)", "own__project-1"),
        ("trajectory (own__project-2.traj)", "own__project-2"),
        ("preds (preds.json:3)", "own__project-3"),
        ("mine.diff", ""),
    ]
    again = read_candidates([first, first, first / "own__project-1.traj.json"])
    assert [one.diff for one in again] == [DIFF]


def test_equal_names_in_several_folders_are_told_apart_by_what_differs(tmp_path):
    for run in ("one", "two"):
        folder = tmp_path / run / "trajs" / "own__project-1"
        folder.mkdir(parents=True)
        (folder / "own__project-1.traj.json").write_text(json.dumps(MINI))
        (tmp_path / run / "fix.diff").write_text(DIFF)
    (tmp_path / "fix.diff").write_text(DIFF)
    assert [one.origin for one in read_candidates([tmp_path])] == [
        "one/trajectory (own__project-1.traj.json)",
        "two/trajectory (own__project-1.traj.json)",
        "fix.diff",
        "one/fix.diff",
        "two/fix.diff",
    ]
    assert [one.origin for one in read_candidates([tmp_path / "one"])][1] == "fix.diff"


def test_what_swe_agent_leaves_of_a_trajectory_is_one_candidate(tmp_path):
    for name in ("own__project-1", "own__project-2"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.traj").write_text(json.dumps(SWE))
        (folder / f"{name}.patch").write_text(SWE["info"]["submission"])
        prediction = {"instance_id": name, "model_patch": SWE["info"]["submission"]}
        (folder / f"{name}.pred").write_text(json.dumps(prediction))
    assert [one.instance_id for one in read_candidates([tmp_path])] == ["own__project-1", "own__project-2"]


def test_systems_that_agree_are_two_candidates(tmp_path):
    """A trajectory of one, a prediction of the other, in folders beside each other."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "own__project-1.traj.json").write_text(json.dumps(MINI))
    record = {"instance_id": "own__project-1", "model_patch": DIFF, "model_name_or_path": "other"}
    (tmp_path / "two" / "preds.json").write_text(json.dumps([record]))
    assert [one.origin for one in read_candidates([tmp_path])] == [
        "trajectory (own__project-1.traj.json)",
        "other (preds.json:1)",
    ]


def test_origins_can_be_shown_on_any_terminal(tmp_path):
    record = {"instance_id": "i", "model_patch": DIFF, "model_name_or_path": "a\x1b[2J\n\ud800é"}
    (tmp_path / "preds.json").write_text(json.dumps([record]))
    (found,) = read_candidates([tmp_path])
    assert found.origin == "a\ufffd[2J\ufffd\ufffdé (preds.json:1)"


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_patch_comes_out_of_jsonl_as_it_went_in(text):
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.jsonl"
        path.write_text(
            json.dumps({"model_patch": text + "\n"}, ensure_ascii=False), encoding="utf-8", newline=""
        )
        assert read_candidates([path])[0].diff == text + "\n"


def test_bytes_that_are_no_text_survive(tmp_path):
    (tmp_path / "a.diff").write_bytes(DIFF.encode() + b"+\xff\n")
    assert (
        read_candidates([tmp_path / "a.diff"])[0].diff.encode("utf-8", "surrogateescape").endswith(b"+\xff\n")
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.diff", "hello\n", "is no diff"),
        ("a.txt", DIFF, "candidates are read from"),
        ("a.json", "{", "is no JSON"),
        ("a.json", "3", "neither a list nor an object"),
        ("a.json", "[]", "no predictions"),
        ("a.json", "[3]", "is no object"),
        ("a.json", '{"i": 3}', "is no object"),
        ("a.jsonl", '{"instance_id": "i"}', "no 'model_patch'"),
        ("a.jsonl", '{"model_patch": 3}', "to be text"),
        ("a.jsonl", '{"model_patch": "\\ud800"}', "half a surrogate pair"),
        ("a.jsonl", "{}\n{", "line 2 is no JSON"),
        ("a.jsonl", "[" * 100_000, "is no JSON"),
        ("a.traj", "{}", "no trajectory of mini-swe-agent or SWE-agent"),
        ("a.traj.json", "{", "is no JSON"),
        ("a.traj.json", '{"messages": [], "info": {"submission": "\\ud800"}}', "half a surrogate pair"),
        ("a.pred", "{", "is no JSON"),
        ("a.json", '[{"model_patch": "\\ud800"}]', "half a surrogate pair"),
        ("a.traj.json", json.dumps(MINI).replace("+b", "+\\ud800"), "half a surrogate pair"),
    ],
)
def test_wrong_files_are_told_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(PoolError, match=message) as caught:
        read_candidates([tmp_path / name])
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_an_empty_folder_are_told(tmp_path):
    with pytest.raises(PoolError, match="No such file"):
        read_candidates([tmp_path / "none.diff"])
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(PoolError, match="holds no candidates"):
        read_candidates([tmp_path])
