from __future__ import annotations

import json

import pytest

from selection.pool import read_candidates
from selection.separate import candidate_id

DIFF = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"


@pytest.fixture
def runs(tmp_path):
    """Three runs of one model that came to the same patch, each in a file of the same name."""
    files = [tmp_path / place / "preds.json" for place in ("one/x", "two/x", "three/y")]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps({"i": {"model_name_or_path": "m", "model_patch": DIFF}}))
    return files


def test_equal_patches_of_files_called_alike_are_samples_of_their_own(runs, tmp_path):
    for given in (runs, [tmp_path]):
        found = read_candidates(given)
        assert {one.origin for one in found} == {
            "one/x/m (preds.json:1)",
            "two/x/m (preds.json:1)",
            "three/y/m (preds.json:1)",
        }
        assert len({candidate_id(one.origin, one.diff) for one in found}) == 3


def test_a_file_that_is_named_twice_is_one_and_keeps_its_name(runs):
    found = read_candidates([runs[0], runs[0].parent, runs[0].parent / ".." / "x" / "preds.json"])
    assert {one.origin for one in found} == {"m (preds.json:1)"}


def test_files_of_other_issues_keep_their_names(runs):
    runs[1].write_text(json.dumps({"j": {"model_name_or_path": "m", "model_patch": DIFF}}))
    found = read_candidates(runs[:2])
    assert [(one.origin, one.instance_id) for one in found] == [
        ("m (preds.json:1)", "i"),
        ("m (preds.json:1)", "j"),
    ]
