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
        ("a.jsonl", "{}\n{", "line 2 is no JSON"),
        ("a.jsonl", "[" * 100_000, "is no JSON"),
    ],
)
def test_wrong_files_are_told_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(PoolError, match=message) as caught:
        read_candidates([tmp_path / name])
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    with pytest.raises(PoolError, match="No such file"):
        read_candidates([tmp_path / "none.diff"])
    with pytest.raises(PoolError, match="cannot read"):
        read_candidates([tmp_path])
