"""The engine without a server, in the Python that has vLLM: that one cannot have this one's litellm too."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.vllm

PROJECT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def told(home):
    environment = {"PYTHONPATH": str(PROJECT), "VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [home / "venv/bin/python", PROJECT / "tests/vllm/offline_session.py", home / "tiny-llama"],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_several_samples_with_log_probabilities(told):
    first = told["several"]
    assert len(first["others"]) == 2
    assert len({first["text"], *(other["text"] for other in first["others"])}) == 3
    assert len(first["logprobs"]) <= 6
    assert len(first["prompt_logprobs"]) == first["usage"]["input"]
    assert 6 < first["usage"]["output"] <= 18


def test_labels_are_scored_as_a_whole(told):
    labels = told["judged"][0]["labels"]
    assert list(labels) == ["yes", "no", "in no way"]
    assert -10 < labels["yes"] < 0
    assert labels["in no way"] < labels["no"]  # three tokens of a random model are less likely than one


def test_a_label_is_as_likely_as_it_is_within_a_prompt(told):
    assert told["judged"][0]["labels"] == pytest.approx(told["counted"], abs=1e-3)


def test_a_reply_by_schema(told):
    assert json.loads(told["judged"][1]["text"]) in ("right", "wrong")


def test_requests_that_come_together_are_all_answered(told):
    assert len(told["together"]) == 5
    assert len(set(told["together"])) == 1


def test_too_long_a_conversation_is_an_outcome_of_its_own(told):
    assert "and vllm-offline/" in told["overflow"]
    assert "4096" in told["overflow"]
