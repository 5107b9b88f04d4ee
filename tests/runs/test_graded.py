"""What is kept of a grade says why nothing ran, and what to do where that is known."""

from __future__ import annotations

import pytest

from envs.grade import Grade, GradeStatus
from runs.graded import graded
from runs.surroundings import Surroundings


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (
            "Traceback\nModuleNotFoundError: No module named 'exceptiongroup'\n",
            "add its package to the row's",
        ),
        ("E   ImportError: cannot import name 'x'\n>>>>> End Test Output\n", "cannot import name 'x'"),
        ("\n", "the log is empty"),
    ],
)
def test_a_broken_environment_says_why(log: str, said: str) -> None:
    grade = Grade(instance_id="a__b-1", status=GradeStatus.ENVIRONMENT_BROKEN, output=log)
    message = graded(grade, "m", "k", 1.0, Surroundings()).message
    assert message.startswith("no test runs there")
    assert said in message
    assert ("requirements" in message) is ("No module named" in log)
    assert "\n" not in message
