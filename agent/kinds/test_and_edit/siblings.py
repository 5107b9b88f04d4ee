"""Tests of the other trajectories of the issue: shown once, and run on the own patch."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Sequence

from agent.excerpts import cut_middle
from agent.shelf import SharedTest, last_versions

AT_ONCE = 6
"""Tests of others that are run on one patch, the latest ones."""
CONTENT = 4000
"""Characters of such a test that are shown."""


def offered(tests: Sequence[SharedTest], own: str) -> tuple[SharedTest, ...]:
    """Return the tests of others that count: last versions, each content once, the own one not at all.

    Args:
        tests: what lies on the shelf.
        own: content of the own test.
    """
    distinct = {test.content: test for test in reversed(last_versions(tests)) if test.content != own}
    return tuple(reversed(distinct.values()))[-AT_ONCE:]


def name_of(test: SharedTest) -> str:
    """Return the name by which the model knows a test of others; it is made of author and content."""
    return f"test of attempt {test.author} ({_digest(test)})"


def path_of(test: SharedTest) -> str:
    """Return where a test of others is put to be run: beside where its author has it, under its own name."""
    return posixpath.join(posixpath.dirname(test.path), f"test_attempt_{test.author}_{_digest(test)}.py")


def introduced(tests: Sequence[SharedTest], said: str) -> str:
    """Return the tests that were not shown yet, with what is to be done about them; empty where none is new.

    Args:
        tests: the tests that count.
        said: what the model was told so far.
    """
    fresh = [test for test in tests if name_of(test) not in said]
    if not fresh:
        return ""
    shown = [
        f"The {name_of(test)}:\n<file>\n{cut_middle(test.content, CONTENT).rstrip()}\n</file>"
        for test in fresh
    ]
    head = (
        "Other attempts at this issue wrote tests that fail on the untouched repository too. They may be "
        "wrong; where one is right and covers more than yours, learn from it."
    )
    return "\n\n".join([head, *shown])


def _digest(test: SharedTest) -> str:
    return hashlib.sha256(f"{test.path}\0{test.content}".encode("utf-8", "surrogateescape")).hexdigest()[:6]
