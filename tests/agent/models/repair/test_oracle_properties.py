"""Whatever the text, reading it and writing tests for it is safe, bounded, and repeatable."""

from __future__ import annotations

import ast
import time

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.models.repair.issue import read_issue
from agent.models.repair.oracle import MAX_TESTS, write_tests

PIECES = st.sampled_from(
    [
        "`f(1)` should be `2`, but it is `3`.",
        "Expected: `[1, 2]`",
        "I expect `ValueError` instead of `KeyError`.",
        "raises A instead of B",
        "has `is_set` set and `path == 'x'`",
        "exit code 0 and an empty line",
        "```python\n>>> import json\n>>> json.loads('1')\n2\n```",
        "```\n>>> for x in y:\n...   print(x)\n1\n2\n```",
        "```python\nfrom m import f\nf('''a\nb''')  # 1, expected 2\n```",
        "```python\nx = 1; y = f(x)\nprint(x, y)\n# TypeError: no\n```",
        "```console\n$ cat a.txt\nhi\n$ tool <<EOF\na\nEOF\n$ echo $?\n1\n```",
        "The round trip should come back unchanged: `g(f(x))` to the original `x`",
        "```\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\nKeyError: 'a'\n```",
        ">>> a\n'b'",
        "```python\nif __name__ == '__main__':\n    pass\n```",
        "```python\nasync def f():\n    await g()\nreturn 3\n```",
        "* two files, `a` and `b`, expected",
        '"""',
        "\\",
        "`",
        "''",
    ]
)
ISSUES = st.lists(PIECES | st.text(max_size=40), max_size=8).map("\n\n".join)
CODE = st.text(alphabet="abf01 ()[]{}'\"#,.:=\n\\>+-*@$`ü\t", max_size=120)
SNIPPETS = st.builds(
    "Title\n\n```{}\n{}\n```\n\n{}".format,
    st.sampled_from(["", "python", "console"]),
    CODE,
    st.text(max_size=60),
)


def check(text: str) -> None:
    start = time.perf_counter()
    clues = read_issue(text)
    tests = write_tests(clues)
    assert time.perf_counter() - start < 5
    assert len(tests) <= MAX_TESTS
    assert [test.strength for test in tests] == sorted((test.strength for test in tests), reverse=True)
    assert len({test.source for test in tests}) == len(tests)
    for test in tests:
        assert 0 < test.strength <= 1
        functions = [node for node in ast.parse(test.source).body if isinstance(node, ast.FunctionDef)]
        assert sum(node.name == test.name for node in functions) == 1
    assert read_issue(text) == clues
    assert write_tests(clues) == tests


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(ISSUES)
def test_any_mixture_of_an_issues_parts_gives_tests_that_compile(text: str) -> None:
    check(text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SNIPPETS)
def test_any_code_block_gives_tests_that_compile(text: str) -> None:
    check(text)


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    check(text)
