from __future__ import annotations

import os
import subprocess
import sys

import pytest

from agent.arguments import specifications
from agent.messages import Message, Sampling
from agent.tape import request_key, without_noise


def key(text: str, **sampling: int) -> str:
    return request_key([Message(role="user", content=text)], specifications(), Sampling(**sampling))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("= 1 passed in 0.12s =", "= 1 passed in 3.01s ="),
        ("======== 1 passed in 9.99s ========", "======= 1 passed in 10.02s ========"),
        ("2 failed in 61.20s (0:01:01)", "2 failed in 59.20s"),
        ("<object at 0x7f01a2b3c4d5>", "<object at 0x7fffffff0000>"),
        ("/tmp/tmpab12/x.py:3", "/tmp/tmpzz99/x.py:3"),
        ("2026-11-23 20:00:01,123 INFO", "2026-11-24 01:00:01,999 INFO"),
        ("pid 312", "pid 4"),
        ("[budget left: 3 of 5 steps, 1799 s]", "[budget left: 3 of 5 steps, 12 s]"),
    ],
)
def test_noise_does_not_count(one: str, other: str) -> None:
    assert without_noise(one) == without_noise(other)
    assert key(one) == key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1 passed", "2 passed"),
        ("[exit code 0]", "[exit code 1]"),
        ("0x10", "0x11"),
        ("line 12", "line 13"),
        ("/testbed/a.py", "/testbed/b.py"),
        ("a - b", "a -- b"),
    ],
)
def test_everything_else_counts(one: str, other: str) -> None:
    assert key(one) != key(other)


def test_sampling_and_tools_count() -> None:
    assert key("a") != key("a", sample=1)
    assert key("a") != request_key([Message(role="user", content="a")], (), Sampling())


def test_the_key_does_not_depend_on_the_process() -> None:
    said = [Message(role="user", content="é and a lone \ud800")]
    assert request_key(said, (), Sampling()) == request_key(tuple(said), [], Sampling())
    code = "from agent.tape import *; print(request_key([Message(role='user', content='x')], (), Sampling()))"
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
        )
        assert done.stdout.strip() == request_key([Message(role="user", content="x")], (), Sampling())
