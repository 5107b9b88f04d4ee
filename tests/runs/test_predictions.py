"""Files of predictions: every form that there is, and a clear word on all others."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.failures import UsageError
from runs.predictions import Prediction, read_predictions

IDS = ["django__django-11099", "django__django-11133", "sympy__sympy-20590"]
DIFF = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"
ONE = {"instance_id": IDS[0], "model_name_or_path": "m", "model_patch": DIFF}
TWO = {"instance_id": IDS[2], "model_name_or_path": "m", "model_patch": None}
FOUND = [Prediction(IDS[0], DIFF, "m"), Prediction(IDS[2], "", "m")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("p.jsonl", f"{json.dumps(ONE)}\n\n{json.dumps(TWO)}"),
        ("p.jsonl", f"\ufeff{json.dumps(ONE)}\r\n{json.dumps(TWO)}\r\n"),
        ("p.json", json.dumps([ONE, TWO], indent=2)),
        ("preds.json", json.dumps({IDS[0]: ONE, IDS[2]: TWO})),
        ("p.json", json.dumps({one.pop("instance_id"): one for one in (dict(ONE), dict(TWO))})),
        ("run/preds.jsonl", f"{json.dumps(ONE)}\n{json.dumps(TWO)}\n"),
        ("run/preds.json", json.dumps({IDS[0]: ONE, IDS[2]: TWO})),
        ("run/all_preds.jsonl", f"{json.dumps(ONE | {'more': 1})}\n{json.dumps(TWO)}\n"),
    ],
)
def test_every_form_is_read(tmp_path, name, content):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding="utf-8", newline="")
    source = path.parent if "/" in name else path
    assert read_predictions(str(source), IDS, IDS) == FOUND


def test_words_predict_all_that_is_chosen():
    assert read_predictions("empty", IDS, IDS[:1]) == [Prediction(IDS[0], "", "empty")]
    gold = read_predictions("gold", IDS, IDS[:2])
    assert [(one.instance_id, one.reference) for one in gold] == [(IDS[0], True), (IDS[1], True)]


def test_names_and_last_lines_are_completed(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"instance_id": IDS[0], "model_patch": DIFF.removesuffix("\n")}))
    assert read_predictions(str(path), IDS, IDS) == [Prediction(IDS[0], DIFF, "mine")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.json", "", "is no JSON"),
        ("p.json", "3", "neither a list nor an object"),
        ("p.json", "{}", "holds no predictions"),
        ("p.json", "[null]", "prediction 1 is no object"),
        ("p.json", f'{{"{IDS[0]}": {{}}}}', "has no 'model_patch'"),
        ("p.json", '{"a": {"model_patch": ""}, "a": {"model_patch": ""}}', "the key 'a' occurs twice"),
        ("p.json", json.dumps([ONE, ONE | {"model_patch": ""}]), f"more than one prediction for {IDS[0]}"),
        ("p.json", json.dumps(ONE | {"model_patch": ["x"]}), "'model_patch' is list, not text"),
        ("p.json", json.dumps(ONE | {"model_patch": "\ud800"}), "is no text"),
        ("p.json", json.dumps(ONE | {"model_name_or_path": 3}), "'model_name_or_path' is int, not text"),
        ("p.json", json.dumps(ONE | {"instance_id": 3}), "has no 'instance_id'"),
        ("p.json", json.dumps(ONE | {"instance_id": ""}), "has no 'instance_id'"),
        ("p.json", json.dumps(ONE | {"instance_id": "sympy-20590"}), f"did you mean {IDS[2]}?"),
        ("p.json", json.dumps({f"no-{n}": {"model_patch": ""} for n in range(9)}), "no-2 and 6 more"),
        ("p.jsonl", f"{json.dumps(ONE)}\n\n{{\n", "line 3 is no JSON"),
        ("p.jsonl", json.dumps([ONE, TWO]), "line 1 is no object"),
        ("p.txt", DIFF, r"are read from \.jsonl and \.json files"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=message) as caught:
        read_predictions(str(path), IDS, IDS)
    assert "\n" not in str(caught.value)


def test_missing_files_and_empty_folders_are_told(tmp_path):
    with pytest.raises(UsageError, match="there is no file of predictions"):
        read_predictions(str(tmp_path / "none.jsonl"), IDS, IDS)
    with pytest.raises(UsageError, match="did you mean gold"):
        read_predictions("golden", IDS, IDS)
    with pytest.raises(UsageError, match="holds no predictions"):
        read_predictions(str(tmp_path), IDS, IDS)


def test_a_large_file_is_read_quickly(tmp_path):
    ids = [f"repo__repo-{number}" for number in range(20_000)]
    path = tmp_path / "p.jsonl"
    line = '{"instance_id": "%s", "model_name_or_path": "m", "model_patch": "' + "x" * 2000 + '"}\n'
    path.write_text("".join(line % one for one in ids))
    began = time.process_time()
    assert len(read_predictions(str(path), ids, ids)) == len(ids)
    assert time.process_time() - began < 3


def read(content: bytes, name: str) -> list[Prediction]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            return read_predictions(str(path), IDS, IDS)
        except UsageError as error:
            return [] if str(error) else pytest.fail("the error says nothing")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(IDS),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["instance_id", "model_patch", "model_name_or_path", *IDS]) | st.text(), inner
        )
    ),
    max_leaves=8,
)


@given(anything, st.sampled_from(["p.json", "p.jsonl"]))
def test_any_json_is_read_or_refused(value, name):
    for one in read(json.dumps(value).encode(), name):
        assert one.instance_id in IDS


@given(st.binary(max_size=200), st.sampled_from(["p.json", "p.jsonl"]))
def test_any_bytes_are_read_or_refused(content, name):
    assert read(content, name) == []


@given(st.lists(st.sampled_from(IDS), unique=True, min_size=1), st.text(st.characters(codec="utf-8")))
def test_patches_come_out_as_they_went_in(ids, text):
    rows = [{"instance_id": one, "model_name_or_path": "m", "model_patch": text + "\n"} for one in ids]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    for content, name in (
        (lines, "p.jsonl"),
        (json.dumps(rows), "p.json"),
        (json.dumps({row["instance_id"]: row for row in rows}), "preds.json"),
    ):
        found = read(content.encode(), name)
        assert [(one.instance_id, one.model_patch) for one in found] == [(one, text + "\n") for one in ids]
