"""A session that shows what the prose asks for is how it ought to be, not the complaint."""

from __future__ import annotations

import pytest

from agent.models.repair.issue import read_issue
from agent.models.repair.oracle import write_tests

SESSION = "\n\n>>> from halves import half\n>>> half(5)\n{shown}\n"


@pytest.mark.parametrize("shown", ["2.5", "2.50"])
def test_session_that_shows_what_should_be_is_asserted(shown: str) -> None:
    issue = "half truncates\n\nhalf(5) is 2, should be 2.5:" + SESSION.format(shown=shown)
    strongest, *_ = write_tests(read_issue(issue))
    assert f"assert half(5) == {shown}" in strongest.source


@pytest.mark.parametrize("shown", ["2", "2.0", "True"])
def test_session_that_shows_something_else_is_the_complaint(shown: str) -> None:
    issue = "half truncates\n\nhalf(5) is 2, should be 2.5:" + SESSION.format(shown=shown)
    for test in write_tests(read_issue(issue)):
        assert f"== {shown}\n" not in test.source


def test_without_a_wrong_value_in_the_prose_a_session_stays_the_complaint() -> None:
    issue = "half is odd\n\nIt should be 2.5 or so for odd numbers:" + SESSION.format(shown="2.5")
    for test in write_tests(read_issue(issue)):
        assert "assert half(5) == 2.5" not in test.source
