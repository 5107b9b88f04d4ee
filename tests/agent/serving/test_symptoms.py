"""The decisive line of a log."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.serving.symptoms import decisive, reason

TRACEBACK = """\
(EngineCore pid=7) INFO 11-27 01:01:43 [core.py:12] starting
(EngineCore pid=7) ERROR 11-27 01:01:44 [core.py:99] Traceback (most recent call last):
(EngineCore pid=7) ERROR 11-27 01:01:44 [core.py:99]   File "a.py", line 3, in f
(EngineCore pid=7) ERROR 11-27 01:01:44 [core.py:99] {error}
(APIServer pid=6) Traceback (most recent call last):
(APIServer pid=6) RuntimeError: Engine core initialization failed. See root cause above. Failed: {{}}
"""


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
            "too large for the memory",
        ),
        ("ValueError: No available memory for the cache blocks.", "too large for the memory"),
        ("KeyError: 'invalid tool call parser: hermez (chose from hermes)'", "another --tool-parser"),
        (
            "RuntimeError: Llama3JsonToolParser could not locate the bot token '<|python_tag|>'",
            "another --tool-parser, or none",
        ),
        ("OSError: [Errno 98] Address already in use", "another --port"),
        ("OSError: x/y is not a valid model identifier", "check the model's name"),
        ("RuntimeError: Failed to infer device type", "a machine with a GPU"),
    ],
)
def test_the_root_cause_comes_with_its_remedy(error, remedy):
    told = decisive(TRACEBACK.format(error=error))
    assert told.startswith(error)
    assert remedy in told


def test_an_error_nobody_knows_is_told_as_it_is():
    assert decisive(TRACEBACK.format(error="ZeroDivisionError: by zero")) == "ZeroDivisionError: by zero"


def test_a_usage_error_of_vllm_is_told():
    assert "check the flags after --" in decisive("usage: vllm\nvllm: error: unrecognized arguments: --zzz\n")


def test_without_an_error_the_last_line_is_told(tmp_path):
    assert decisive("one\ntwo\n\n") == "two"
    assert reason(tmp_path / "none.log") == ""


def test_what_an_earlier_start_has_left_does_not_count(tmp_path):
    log = tmp_path / "log"
    log.write_text("ValueError: of old\n")
    size = log.stat().st_size
    with log.open("a") as file:
        file.write("TypeError: of now\n")
    assert reason(log, size) == "TypeError: of now"


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_any_text_gives_one_short_line(text):
    told = decisive(text)
    assert len(told) < 700
    assert len(told.splitlines()) <= 1
