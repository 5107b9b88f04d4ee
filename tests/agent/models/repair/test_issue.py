"""Reading an issue: what its blocks are, what they are for, and what the prose expects."""

from __future__ import annotations

import pytest

from agent.models.repair.issue import read_issue

ISSUE = """\
`parse()` raises KeyError instead of ParseError

Given `.conf`:

```
a = 1
```

I run

```python
from conf import parse
parse(open(".conf"))
```

and get

```
Traceback (most recent call last):
  File "/home/me/run.py", line 2, in <module>
    parse(open(".conf"))
  File "/site-packages/conf/reader.py", line 14, in parse
    return table[key]
KeyError: 'a'
```

```console
$ conf check
ok
$ echo $?
1
```

It should print

```
fine
```
"""


def test_blocks_are_told_apart_and_given_their_roles() -> None:
    clues = read_issue(ISSUE)

    assert [(one.kind, one.role, one.path) for one in clues.snippets] == [
        ("data", "", ".conf"),
        ("script", "", ""),
        ("traceback", "wrong", ""),
        ("console", "", ""),
        ("output", "right", ""),
    ]
    assert ISSUE.split("\n")[clues.snippets[1].line] == "```python"


def test_tracebacks_give_frames_and_exceptions() -> None:
    clues = read_issue(ISSUE)

    assert [(frame.file, frame.line, frame.function) for frame in clues.frames] == [
        ("/home/me/run.py", 2, "<module>"),
        ("/site-packages/conf/reader.py", 14, "parse"),
    ]
    assert clues.exceptions == ("KeyError", "ParseError")
    assert clues.names[0] == "parse"


@pytest.mark.parametrize(
    ("prose", "kind", "text"),
    [
        ("It should return `3`.", "value", "3"),
        ("I would expect `f(x)` to be `'a'`, not `'b'`.", "value", "'a'"),
        ("I would expect `f(x)` to be `'a'`, not `'b'`.", "wrong", "'b'"),
        ("Expected `[1]`, got `[]`.", "value", "[1]"),
        ("Expected `[1]`, got `[]`.", "wrong", "[]"),
        ("The result is `(1, 2)`, which is what I expect here, too.", "value", "(1, 2)"),
        ("`f` returns `0` rather than `1`.", "value", "1"),
        ("An empty input must give an empty list.", "value", "[]"),
        ("Expected: `f(1) == 2`.", "assertion", "f(1) == 2"),
        ("It should raise a ValueError.", "raises", "ValueError"),
        ("This should not raise.", "quiet", ""),
        ("The exit code should be 3.", "exit", "3"),
        ("I would expect exit status 0.", "exit", "0"),
        ("The json module reports char 10.", "place", "char 10"),
        ("Both should give the same result.", "same", ""),
        ("I expect two names, `a` and `b`.", "items", "a\nb"),
        ("The first should be a comma.", "value", "','"),
        ('It should say "2 months".', "value", '"2 months"'),
    ],
)
def test_prose_says_what_should_be(prose: str, kind: str, text: str) -> None:
    found = {(one.kind, one.text) for one in read_issue(f"Title\n\n{prose}\n").expectations}

    assert (kind, text) in found


def test_what_a_value_is_of_is_kept() -> None:
    clues = read_issue("Title\n\n`KEY` should be `''`. But `KEY=#` should keep giving `#`.\n")
    values = {one.text: one for one in clues.expectations if one.kind == "value"}

    assert values["''"].subject == ("KEY",)
    assert not values["''"].keep
    assert values["#"].keep


def test_lists_of_what_should_hold_give_attributes() -> None:
    clues = read_issue(
        "Title\n\nI expect an object that\n\n* has `is_ok` set,\n* has both `a` and `b` equal to `x.y`\n"
    )

    assert [(one.subject, one.text) for one in clues.expectations if one.kind == "attribute"] == [
        (("is_ok",), "True"),
        (("a",), "x.y"),
        (("b",), "x.y"),
    ]


def test_sessions_without_a_fence_and_of_ipython_are_read() -> None:
    clues = read_issue("Title\n\n>>> f(1)\n2\n\n```\nIn [1]: f(2)\nOut[1]: 3\n```\n")

    assert [(one.kind, one.text) for one in clues.snippets] == [
        ("doctest", ">>> f(1)\n2\n"),
        ("doctest", ">>> f(2)\n3\n"),
    ]


@pytest.mark.parametrize("text", ["", "   \n", "\x00", "```", "#"])
def test_nothing_gives_no_expectations(text: str) -> None:
    assert read_issue(text).expectations == ()
