"""The script that makes the shipped weights, run on predictions that can be told apart by what they touch."""

from __future__ import annotations

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from selection.feature_verifier import WEIGHTS
from selection.posterior import MODELS
from selection.rules import RULES

SCRIPT = Path(__file__).parents[2] / "scripts" / "fit_selection.py"


@pytest.fixture
def predictions(tmp_path):
    """Options that name labelled predictions of 24 issues of four repositories.

    A right one changes the function that the issue names, in one place; a wrong one something else, at
    length. Gold-equal ones are marked, and would be wrong here: they must not be learnt from.
    """
    dice = random.Random(7)
    rows, issues = [], []
    for number in range(24):
        name, repo = f"i{number}", f"owner/repo{number % 4}"
        issues.append({"instance_id": name, "repo": repo, "problem_statement": f"`total_{number}` is wrong"})
        right = dice.randint(1, 3)
        for index in range(6):
            good = index < right
            patch = _mend(number, index) if good else _spread(number, index)
            rows.append(_row(name, patch, resolved=good))
        rows.append(_row(name, _mend(number, 9), resolved=False) | {"equals_gold": True})
    dice.shuffle(rows)
    with gzip.open(tmp_path / "candidates.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "issues.jsonl").write_text("".join(json.dumps(row) + "\n" for row in issues))
    return "--candidates", tmp_path / "candidates.jsonl.gz", "--issues", tmp_path / "issues.jsonl"


def _row(instance_id, patch, resolved):
    known = {"instance_id": instance_id, "model_patch": patch, "resolved": resolved}
    return known | {"equals_gold": False, "chosen_with_hindsight": False}


def _mend(number, index):
    return (
        f"diff --git a/pkg/total_{number}.py b/pkg/total_{number}.py\n"
        f"--- a/pkg/total_{number}.py\n+++ b/pkg/total_{number}.py\n@@ -1,2 +1,2 @@\n"
        f" def total_{number}(x):\n-    return x\n+    return x + {index}\n"
    )


def _spread(number, index):
    added = "".join(f"+value_{index}_{n} = {n}\n" for n in range(30))
    return "".join(
        f"diff --git a/pkg/{name}_{number}.py b/pkg/{name}_{number}.py\n"
        f"--- a/pkg/{name}_{number}.py\n+++ b/pkg/{name}_{number}.py\n@@ -1,1 +1,31 @@\n import os\n{added}"
        for name in ("left", "right")
    )


def fitted(*options):
    command = [sys.executable, str(SCRIPT), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, cwd=SCRIPT.parents[1])


def test_every_rule_is_told_and_what_was_learnt_helps_on_other_repositories(predictions):
    shipped = {path: path.read_bytes() for path in (SCRIPT.parents[1] / "selection" / "weights").iterdir()}
    done = fitted(*predictions, "--dry")
    assert done.returncode == 0, done.stderr
    first, *_ = done.stdout.splitlines()
    assert first == "24 issues, 24 with right and wrong candidates"
    found = {words[0]: words[1:] for words in map(str.split, done.stdout.splitlines()) if words}
    assert {*RULES, "features"} <= found.keys()
    assert float(found["features"][4]) > 0.9  # its efficiency with all candidates
    assert abs(float(found["random"][4])) < 0.1
    assert {path: path.read_bytes() for path in shipped} == shipped


def test_weights_are_written_and_say_what_they_were_fitted_on(predictions, tmp_path):
    done = fitted(*predictions, "--out", tmp_path / "weights")
    assert done.returncode == 0, done.stderr
    features = WEIGHTS.validate_json((tmp_path / "weights" / "features.json").read_bytes())
    models = MODELS.validate_json((tmp_path / "weights" / "posterior.json").read_bytes())
    assert features.fitted_on.startswith("144 candidates of 24 issues, 0 of them with tests that were run")
    assert {name: one.fitted_on for name, one in models.items()} == dict.fromkeys(
        ("posterior", "posterior-execution"),
        "144 candidates of 24 issues, 0 of them with tests that were run",
    )


def test_the_features_are_told_one_by_one_and_others_can_be_fitted(predictions, tmp_path):
    done = fitted(*predictions, "--features", "agreement,size", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    told = {words[0]: words[1:] for words in map(str.split, done.stdout.splitlines()) if words}
    assert told["issue_function"] == ["42", "1.000", "102", "0.000", "24", "1.000"]
    assert "submitted" not in told
    features = WEIGHTS.validate_json((tmp_path / "features.json").read_bytes())
    assert set(features.weights) == {"agreement", "size"}
    refused = fitted(*predictions, "--features", "agreement,taste", "--dry")
    assert refused.returncode == 2
    assert "no feature is called taste" in refused.stderr
