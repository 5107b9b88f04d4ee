"""A candidate: a patch to the sources, the tests its author wrote, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TestFile:
    """A test file somebody wrote for the issue; `author` is the id of the candidate it came with."""

    __test__ = False

    path: str
    content: str
    author: str


@dataclass(frozen=True, slots=True)
class DroppedEdit:
    """A part of a diff that is not judged, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible solution of a task.

    `patch` holds source changes only, as a git diff against the base commit; edits to existing tests and
    to the test runner's configuration are in `dropped`, new test files in `tests`. `id` is derived from
    the origin and the whole diff, so it does not depend on the order of candidates. `origin` says whose
    work it is (`sample 3`, the name of a file) and is never evidence.
    """

    id: str
    patch: str
    tests: tuple[TestFile, ...] = ()
    dropped: tuple[DroppedEdit, ...] = ()
    origin: str = ""
    exit_reason: str = ""
