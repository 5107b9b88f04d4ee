"""Which files of a repository are its tests, in any of the languages."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

_NAME = re.compile(
    r"(?:test_[^/]*|[^/]*_test|tests|conftest)\.py"
    r"|[^/]*_test\.(?:go|c|cc|cpp)|test_[^/]*\.(?:c|cc|cpp|rb)"
    r"|[^/]*[._-](?:test|spec)\.[cm]?[jt]sx?"
    r"|(?:Test[A-Z][^/]*|[^/]*[a-z0-9_]Tests?|[^/]*[a-z0-9]IT)\.(?:java|php)"
    r"|[^/]*_(?:test|spec)\.rb"
)
_FOLDERS = frozenset({"test", "tests", "__tests__", "spec", "specs"})
_SUPPORT = ("conftest.py", "__init__.py")
"""Test files that hold no tests."""


def has_test_name(path: str) -> bool:
    """Whether a file's name alone says that it is a test."""
    return _NAME.fullmatch(posixpath.basename(path)) is not None


def find_tests(paths: Iterable[str]) -> frozenset[str]:
    """Return the paths that belong to the tests.

    A name says so, or a folder for tests above that holds a file of such a name: everything below it is
    material of tests. A package that is only called `test`, as Django's, is none.
    """
    known = list(paths)
    suites = {folder for path in known if has_test_name(path) for folder in _test_folders(path)}
    return frozenset(
        path for path in known if has_test_name(path) or not suites.isdisjoint(_test_folders(path))
    )


def holds_tests(path: str) -> bool:
    """Whether a test file is one to be run, by its name."""
    return posixpath.basename(path) not in _SUPPORT


def _test_folders(path: str) -> Iterator[str]:
    parts = path.split("/")[:-1]
    return ("/".join(parts[: depth + 1]) for depth, part in enumerate(parts) if part in _FOLDERS)
