from __future__ import annotations

import pytest

from agent.models.repair.issue import read_issue
from agent.models.repair.oracle import write_tests

HOMES = {"ordinalize": "inflection", "cut": "words"}


@pytest.mark.parametrize(
    ("issue", "asserted"),
    [
        (
            "Wrong suffix\n\n`ordinalize(13)` returns `'13rd'`. I expect '13th', as for 11 and 12.",
            "ordinalize(13) == '13th'",
        ),
        ("`cut('a b', 1)` should be `'a'`\n\nIt gives `'a b'` today.", "cut('a b', 1) == 'a'"),
        (
            """Suffix

`ordinalize(11)` and `ordinalize(12)` return `'11th'` and `'12th'`, but `ordinalize(13)` returns `'13rd'`
and should return `'13th'`.""",
            "ordinalize(13) == '13th'",
        ),
    ],
)
def test_calls_in_prose_make_a_test(issue: str, asserted: str) -> None:
    strongest, *_ = write_tests(read_issue(issue), HOMES)

    assert f"assert {asserted}" in strongest.source


def test_an_error_that_the_prose_names_should_go() -> None:
    issue = "Crash on empty text\n\n`cut('', 1)` raises `IndexError`, it should return `''`."

    strongest, *_ = write_tests(read_issue(issue), HOMES)

    assert "assert cut('', 1) == ''" in strongest.source


@pytest.mark.parametrize(
    "issue", ["`cut()` is slow", "`missing(1)` gives `2`", "`cut(...)` gives `2`", "cut"]
)
def test_what_cannot_be_run_makes_none(issue: str) -> None:
    assert write_tests(read_issue(issue), HOMES) == ()


def test_a_model_in_a_sentence_is_not_what_it_is_about() -> None:
    issue = (
        "13 is wrong\n\n>>> ordinalize(11)\n'11th'\n>>> ordinalize(13)\n'13rd'\n\n"
        "I expect '13th', as for 11 and 12."
    )

    strongest, *_ = write_tests(read_issue(issue), HOMES)

    assert "ordinalize(11) == '11th'" in strongest.source
    assert "ordinalize(13) == '13th'" in strongest.source
