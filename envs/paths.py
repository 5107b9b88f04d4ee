"""What a path and its content are to a test run: a test, configuration of the runner, scratch, or source.

A name alone is not enough: pytest's own sources, `numpy/testing`, `django/test` are programs about testing.
A file belongs to a suite when it lies in a folder `tests` or `test`, or in a top-level folder `testing`, that
holds files which pytest would collect by name; everything below such a folder (data, support modules) is test
material. Elsewhere a file is a test when it has a test's name and its content defines tests.
"""

from __future__ import annotations

import ast
import posixpath
import re
import warnings
from collections.abc import Container, Iterable
from fnmatch import fnmatch
from pathlib import PurePosixPath

from envs.runner_files import RUNNER_FILES, RUNNER_MODULES

SECTIONED_FILES = ("setup.cfg", "pyproject.toml")
PACKAGING_SECTIONS = ("tool.setuptools", "tool.poetry", "tool.hatch", "tool.flit", "tool.pdm")
RUNNER_SECTIONS = (
    "tool",
    "pytest",
    "coverage",
    "aliases",
    "test",
    "project.entry-points",
    "options.entry_points",
)

NEVER_SOURCE = ("*.orig", "*.rej", "*.pyc", "*.pyo", "*.swp", "*~", ".DS_Store", "nohup.out")
NEVER_SOURCE_FOLDERS = (
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    ".tox",
    ".nox",
)
SCRATCH_FILES = ("*.log", "*.patch", "*.diff", "*.bak", "*.tmp", "*.out", "core")
SCRATCH_SCRIPT = re.compile(
    r"(repro|reproduc\w*|debug|tmp|temp|scratch|demo|check|verify|validate|try|trial|test|run|minimal|issue|bug|fix|mwe"
    r"|playground|sandbox|quick)(\d*|[_-].*|_?test.*)\.(py|sh)|\w+_(repro|debug|demo|test|tmp)\.(py|sh)"
)
TEST_DEFINITION = re.compile(r"^\s*(async\s+)?def\s+test\w*\s*\(|^class\s+\w+\(.*TestCase\b", re.MULTILINE)


def has_test_name(path: str) -> bool:
    """Whether pytest collects a file of that name unless told otherwise (or Django's runner: `tests.py`)."""
    name = PurePosixPath(path).name
    return fnmatch(name, "test_*.py") or fnmatch(name, "*_test.py") or name == "tests.py"


def defines_tests(text: str) -> bool:
    """Whether Python source defines a test function, or a class of tests with a method."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return TEST_DEFINITION.search(text) is not None
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            return True
        if isinstance(node, ast.ClassDef | ast.If | ast.Try | ast.With):
            pending.extend(node.body)
    return False


def suite_folders(paths: Iterable[str]) -> frozenset[str]:
    """Return the folders of a repository that hold its tests."""
    found = set()
    for path in paths:
        if has_test_name(path):
            folder = _innermost_test_folder(path)
            if folder:
                found.add(folder)
    return frozenset(found)


def in_suite(path: str, suites: frozenset[str]) -> bool:
    """Whether a path lies in one of the folders that hold tests."""
    return any(str(parent) in suites for parent in PurePosixPath(path).parents)


def configures_runner(path: str) -> bool:
    """Whether a file of that path decides how tests are collected, run or reported, whatever it holds."""
    pure = PurePosixPath(path)
    if any(part.endswith((".egg-info", ".dist-info")) for part in pure.parts):
        return True
    top = pure.parts[1:2] if pure.parts[:1] == ("src",) else pure.parts[:1]
    if top and top[0].removesuffix(".py") in RUNNER_MODULES:
        return True
    return any(fnmatch(pure.name, pattern) for pattern in RUNNER_FILES)


def is_source_of(path: str, files: Container[str], folders: Container[str]) -> bool:
    """Whether a repository itself ships a module of the runner there, as the runner's own repository does.

    Args:
        path: a path that configures the runner elsewhere.
        files: the repository's files.
        folders: their folders.
    """
    parts = PurePosixPath(path).parts
    top = posixpath.join(*parts[: 2 if parts[0] == "src" else 1])
    named = posixpath.basename(top).removesuffix(".py") in RUNNER_MODULES
    return named and (top in folders or top in files) and parts[-1] != "conftest.py"


def is_runner_section(section: str) -> bool:
    """Whether a section of `setup.cfg` or `pyproject.toml` can change a test run; an unknown one can."""
    name = section.strip().strip("[]").strip().replace('"', "").replace(":", ".")
    if name.startswith(PACKAGING_SECTIONS):
        return False
    return not name or any(name == one or name.startswith((f"{one}.", f"{one}:")) for one in RUNNER_SECTIONS)


def is_leftover(path: str) -> bool:
    """Whether a new file is what tools leave behind, and source nowhere."""
    pure = PurePosixPath(path)
    return any(fnmatch(pure.name, pattern) for pattern in NEVER_SOURCE) or any(
        part in NEVER_SOURCE_FOLDERS for part in pure.parts
    )


def is_scratch(path: str, packages: frozenset[str]) -> bool:
    """Whether a new file outside of every package is a log or a script written to try something out.

    Args:
        path: the new file.
        packages: the folders that hold an `__init__.py`.
    """
    pure = PurePosixPath(path)
    if str(pure.parent) in packages:
        return False
    return any(fnmatch(pure.name, pattern) for pattern in SCRATCH_FILES) or bool(
        SCRATCH_SCRIPT.fullmatch(pure.name.lower())
    )


def package_folders(paths: Iterable[str]) -> frozenset[str]:
    """Return the folders that hold an `__init__.py`."""
    return frozenset(str(PurePosixPath(path).parent) for path in paths if path.endswith("__init__.py"))


def _innermost_test_folder(path: str) -> str:
    for parent in PurePosixPath(path).parents:
        if parent.name in {"tests", "test"} or str(parent) == "testing":
            return str(parent)
    return ""
