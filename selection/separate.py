"""A diff taken apart by path and content: what is judged (source), what judges (new tests), what is dropped.

Nothing here trusts who made the diff: changes to what a test run reads as its configuration, to an existing
test or its support files never reach a row of the matrix, whoever made them and whatever for.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from envs import paths
from envs.patches import FilePatch, join, split
from selection.candidate import Candidate, DroppedEdit, TestFile
from selection.hunks import added_lines, is_binary, new_content, touched_sections


def candidate_from_diff(
    diff: str,
    *,
    origin: str,
    base: Mapping[str, bytes],
    test_paths: Collection[str] = (),
    exit_reason: str = "",
) -> Candidate:
    """Return the candidate of a diff: its source changes, its new tests, and what was dropped and why.

    A candidate whose patch comes out empty stays one; its dropped edits say why it is empty.

    Args:
        diff: everything that was changed against the base, as a git diff.
        origin: whose work it is; enters the id and nothing else.
        base: the files of the base commit; contents are asked only for files that the diff touches.
        test_paths: files that the author says are its tests; they must look like tests all the same.
        exit_reason: why its author stopped.
    """
    id_ = candidate_id(origin, diff)
    known = tuple(base)
    view = _View(
        base=base,
        suites=paths.suite_folders(known),
        folders=frozenset(str(parent) for path in known for parent in PurePosixPath(path).parents),
        packages=paths.package_folders((*known, *_created(diff))),
        announced=frozenset(posixpath.normpath(path) for path in test_paths),
    )
    kept: list[FilePatch] = []
    tests: list[TestFile] = []
    dropped: list[DroppedEdit] = []
    scratch: list[FilePatch] = []
    for part in split(diff if diff.endswith("\n") else f"{diff}\n"):
        reason = _why_dropped(part, view)
        if reason:
            dropped.append(DroppedEdit(part.path, reason))
        elif part.added and _is_test(part, view):
            tests.append(TestFile(part.path, new_content(part.text), id_))
        elif part.added and paths.is_scratch(part.path, view.packages):
            scratch.append(part)
        else:
            kept.append(part)
    for part in scratch:
        if _imported(part.path, kept):
            kept.append(part)
        else:
            dropped.append(DroppedEdit(part.path, "scratch file outside of every package"))
    return Candidate(id_, join(kept) if kept else "", tuple(tests), tuple(dropped), origin, exit_reason)


def candidate_id(origin: str, diff: str) -> str:
    """Return the id that the candidate of a diff has."""
    return hashlib.sha256(f"{origin}\0{diff}".encode("utf-8", "surrogateescape")).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class _View:
    """What is known of the base: its files, its folders of tests and of packages, the announced tests."""

    base: Mapping[str, bytes]
    suites: frozenset[str]
    folders: frozenset[str]
    packages: frozenset[str]
    announced: frozenset[str]


def _why_dropped(part: FilePatch, view: _View) -> str:
    """Return why a change is not judged, empty where it is source or a new test."""
    ends = {posixpath.normpath(path) for path in (part.old_path, part.path) if path}
    if any(
        paths.configures_runner(path) and not paths.is_source_of(path, view.base, view.folders)
        for path in ends
    ):
        return "configures the test run"
    if any(posixpath.basename(path) in paths.SECTIONED_FILES for path in ends) and _touches_runner_section(
        part, view
    ):
        return "changes the section of a tool that tests run with"
    if any(_is_existing_test(path, view) for path in ends):
        return f"{_deed(part)} an existing test"
    if part.kind in {"renamed", "copied"} and (
        paths.in_suite(part.path, view.suites) or paths.has_test_name(part.path)
    ):
        return "moves source among the tests"
    if not part.added:
        return ""
    if part.path in view.base:
        return "adds a file that the base already has"
    if paths.is_leftover(part.path):
        return "left behind by a tool"
    if paths.in_suite(part.path, view.suites) and not _is_test(part, view):
        return "support file of tests"
    if part.path in view.announced and not _is_test(part, view):
        return "written as a test but defines none"
    return ""


def _is_existing_test(path: str, view: _View) -> bool:
    """Whether the base has that file as a test: part of its suite, or with a test's name and tests in it."""
    if path not in view.base:
        return False
    if paths.in_suite(path, view.suites):
        return True
    return paths.has_test_name(path) and paths.defines_tests(view.base[path].decode("utf-8", "replace"))


def _is_test(part: FilePatch, view: _View) -> bool:
    """Whether a new file is a test: by its name or its author's word, and by what it holds."""
    if is_binary(part.text) or not part.path.endswith(".py"):
        return False
    if not paths.has_test_name(part.path) and part.path not in view.announced:
        return False
    return paths.defines_tests(new_content(part.text))


def _touches_runner_section(part: FilePatch, view: _View) -> bool:
    old = posixpath.normpath(part.old_path or part.path)
    before = view.base[old].decode("utf-8", "replace") if old in view.base else ""
    if is_binary(part.text) or _deed(part) in {"deletes", "renames"}:
        return True
    return any(paths.is_runner_section(section) for section in touched_sections(part.text, before))


def _deed(part: FilePatch) -> str:
    deeds = {"deleted": "deletes", "renamed": "renames", "copied": "copies"}
    return deeds.get(part.kind, "edits")


def _created(diff: str) -> tuple[str, ...]:
    return tuple(part.path for part in split(diff) if part.added)


def _imported(path: str, kept: Sequence[FilePatch]) -> bool:
    """Whether source that stays imports a new file, which is then no scratch."""
    stem = re.escape(PurePosixPath(path).stem)
    pattern = re.compile(rf"^\s*(from|import)\s.*\b{stem}\b")
    return any(pattern.search(line) for part in kept for line in added_lines(part.text))
