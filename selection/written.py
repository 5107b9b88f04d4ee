"""A test file as a model writes it into a reply, read strictly: a path, a body, or why it is not taken."""

from __future__ import annotations

import ast
import posixpath
import re
from dataclasses import dataclass

from envs.paths import defines_tests, has_test_name

SHAPE = """\
<test path="tests/test_something_new.py">
...the whole file...
</test>"""
_BLOCK = re.compile(r'<test path="([^"\n]*)">[ \t]*\n(.*?)^</test>', re.DOTALL | re.MULTILINE)
_FENCE = re.compile(r"\A\s*```\w*\n(.*?)\n```\s*\Z", re.DOTALL)
LONGEST = 20_000
"""Characters of a test file."""


class UnusableError(ValueError):
    """A reply holds no test that can be run; the message tells its author why."""


@dataclass(frozen=True, slots=True)
class Written:
    """A test file in the making."""

    path: str
    content: str


def blocks(text: str) -> tuple[tuple[str, str], ...]:
    """Return path and body of every test block of a reply."""
    return tuple((found[1], found[2]) for found in _BLOCK.finditer(text))


def read_test(text: str) -> Written:
    """Return the last test of a reply: models restate.

    Raises:
        UnusableError: there is none, or it cannot be a test file.
    """
    found = blocks(text)
    if not found:
        begun = (
            "a <test> block is not closed by a line `</test>`"
            if "<test" in text
            else "it has no <test> block"
        )
        raise UnusableError(begun)
    path, body = found[-1]
    fence = _FENCE.match(body)
    content = (fence[1] if fence else body).strip("\n") + "\n"
    path = posixpath.normpath(path.strip())
    if path.startswith(("/", "..")) or not path.endswith(".py") or not has_test_name(path):
        raise UnusableError(f"{path!r} is no path of a new test file, as in tests/test_something_new.py")
    if len(content) > LONGEST:
        raise UnusableError(f"the test file is longer than {LONGEST} characters")
    try:
        ast.parse(content)
    except (SyntaxError, ValueError) as error:
        raise UnusableError(f"the test file is no Python: {error}") from None
    if not defines_tests(content):
        raise UnusableError("the file defines no test function")
    return Written(path, content)
