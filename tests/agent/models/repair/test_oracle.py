"""Tests written for an issue: how they read, and where their names come from."""

from __future__ import annotations

from agent.models.repair.issue import read_issue
from agent.models.repair.oracle import write_tests

ISSUE = """\
`double` is wrong for negative numbers

```python
>>> from numbers_of import double, half
>>> half(4)
2
>>> double(-1)
2
```

Expected `-2`.
"""


def test_a_test_reads_as_if_a_person_had_written_it() -> None:
    first = write_tests(read_issue(ISSUE))[0]

    assert first.name == "test_double_wrong_for_negative_numbers"
    assert first.source == (
        '"""`double` is wrong for negative numbers."""\n'
        "\n"
        "from numbers_of import double, half\n"
        "\n"
        "\n"
        "def test_double_wrong_for_negative_numbers():\n"
        "    assert half(4) == 2\n"
        "    assert double(-1) == -2\n"
    )


def test_alternatives_assert_less() -> None:
    first, *others = write_tests(read_issue(ISSUE))

    bare = next(test for test in others if "double(-1) == -2" in test.source)
    assert bare.strength < first.strength
    assert "half(4)" not in bare.source


def test_names_without_an_import_come_from_where_they_are_known_to_live() -> None:
    issue = "Wrong\n\n```\n>>> double(1)\n3\n```\n\nExpected `2`.\n"
    (first, *_) = write_tests(read_issue(issue), {"double": "pkg.numbers"})

    assert "from pkg.numbers import double\n" in first.source
    assert "assert double(1) == 2\n" in first.source


def test_names_are_borrowed_from_other_snippets() -> None:
    issue = (
        "Wrong\n\n```python\nfrom pkg import f\nx = 3\n```\n\nNow\n\n```python\nf(x)  # 1, expected 2\n```\n"
    )
    sources = [test.source for test in write_tests(read_issue(issue))]

    assert any(
        "from pkg import f\n" in source and "x = 3\n    assert f(x) == 2\n" in source for source in sources
    )


def test_shell_sessions_that_need_the_network_are_left_alone() -> None:
    issue = "Wrong\n\n```console\n$ git clone https://x.test/y\n$ y --run\n3\n```\n\nIt should print `4`.\n"

    assert write_tests(read_issue(issue)) == ()
