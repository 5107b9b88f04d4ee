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


def strongest(issue: str, homes: dict[str, str]) -> str:
    return write_tests(read_issue(issue), homes)[0].source


def test_a_table_of_calls_is_read() -> None:
    issue = (
        "Wrong unit\n\n| call | result | ok? |\n|---|---|---|\n| `ago(45)` | `'45 seconds'` | yes |\n"
        "| `ago(7200)` | `'0 days'` | no, I want `'2 hours'` |\n\n"
        "The unit is too large."
    )

    sources = [test.source for test in write_tests(read_issue(issue), {"ago": "times"})]

    assert "assert ago(7200) == '2 hours'" in sources[0]
    assert any("assert ago(45) == '45 seconds'\n    assert ago(7200) == '2 hours'" in one for one in sources)


def test_the_users_line_of_a_traceback_is_run() -> None:
    issue = (
        'ValueError with a port\n\n```\nTraceback (most recent call last):\n  File "deploy.py", line 4, in'
        ' <module>\n    print(parse("host:50/app:2"))\n  File "/srv/ref.py", line 20, in parse\n    name, tag'
        ' = ref.split(":")\nValueError: too many values to unpack (expected 2)\n```\n\n'
        "The result ought to be `('host:50/app', '2')`."
    )

    source = strongest(issue, {"parse": "ref"})

    assert "parse('host:50/app:2')) == \"('host:50/app', '2')\"" in source


def test_steps_that_bind_names_stay_in_order() -> None:
    issue = (
        "Overlap\n\nGiven `a = Slot(9, 12)` and `b = Slot(10, 11)`, `b.overlaps(a)` is True while "
        "`a.overlaps(b)` is False. `a.overlaps(b)` should be `True`."
    )

    source = strongest(issue, {"Slot": "slots"})

    assert source.index("a = Slot(9, 12)") < source.index("b = Slot(10, 11)") < source.index("a.overlaps(b)")


def test_blanks_count_where_they_are_all_that_differs() -> None:
    issue = (
        "Indent\n\n```python\nfrom tree import render\nprint(render({}))\n```\n\nExpected output:\n\n"
        "```\n- a\n    - b\n```\n\nActual output:\n\n```\n- a\n  - b\n```\n"
    )

    assert "['- a', '    - b']" in strongest(issue, {})
