"""Tests that an issue's own snippets give, written as `builtin/repair` does, run on the base."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from agent.models.repair import layout
from agent.models.repair.issue import read_issue
from agent.models.repair.oracle import write_tests
from envs.outcomes import Outcome
from envs.paths import has_test_name
from envs.regressions import dotted
from envs.testrun import run_tests
from sandbox.base import Sandbox, SandboxFileError
from sandbox.forks import forked
from selection.candidate import TestFile

AUTHOR = "the issue"
MOST = 3
"""Tests that are kept of an issue."""
SECONDS = 60.0
_DEFINED = re.compile(r"^(?:class|def|async def) +([A-Za-z]\w*)", re.MULTILINE)
_ASSIGNED = re.compile(r"^((?:[A-Za-z]\w*\s*,\s*)*[A-Za-z]\w*) *=(?!=)", re.MULTILINE)


async def spoken_tests(
    base: Sandbox, runner: str, issue: str, tree: Path, paths: Collection[str]
) -> tuple[TestFile, ...]:
    """Return the strongest tests of an issue that run on the base and fail there.

    Args:
        base: the untouched repository.
        runner: its test command.
        issue: the issue's text.
        tree: the repository's files on the host.
        paths: which of them belong to the base commit.
    """
    clues = read_issue(issue)
    homes = await asyncio.to_thread(homes_of, tree, paths) if clues.snippets or clues.prose else {}
    folder = layout.tests_folder(sorted(paths))
    kept: list[TestFile] = []
    for number, test in enumerate(await asyncio.to_thread(write_tests, clues, homes)):
        file = TestFile(layout.test_path(folder, test.name, number), test.source, AUTHOR)
        if file.path not in paths and await _fails(base, runner, file):
            kept.append(file)
        if len(kept) == MOST:
            break
    return tuple(kept)


def homes_of(tree: Path, paths: Collection[str]) -> dict[str, str]:
    """Return the module of each name that a module of the tree defines at its top; the shallowest counts."""
    found: dict[str, str] = {}
    for path in sorted(_modules(paths), key=lambda path: (path.count("/"), len(path), path)):
        text = (tree / path).read_text("utf-8", "replace")
        names = _DEFINED.findall(text)
        names += [name.strip() for group in _ASSIGNED.findall(text) for name in group.split(",")]
        for name in names:
            found.setdefault(name, dotted(path))
    return found


def _modules(paths: Iterable[str]) -> Iterable[str]:
    """Yield the modules of packages that are not tests."""
    known = set(paths)
    for path in known:
        parts = PurePosixPath(path).parts
        inside = str(PurePosixPath(path).parent / "__init__.py") in known
        tests = has_test_name(path) or {"tests", "test", "testing", "benchmarks"} & set(parts[:-1])
        if path.endswith(".py") and inside and not tests and parts[-1] != "__main__.py":
            yield path


async def _fails(base: Sandbox, runner: str, file: TestFile) -> bool:
    """Whether a test runs on the base and fails, and not for want of a name or a module."""
    async with forked(base) as box:
        try:
            await box.write(file.path, file.content.encode("utf-8", "surrogateescape"))
        except SandboxFileError:
            return False
        run = await run_tests(box, runner, [file.path], timeout=SECONDS)
    outcomes = set(run.outcomes.values())
    missing = any(
        message.startswith(("NameError", "ModuleNotFoundError", "ImportError"))
        for message in run.messages.values()
    )
    return (
        bool(outcomes & {Outcome.FAILED, Outcome.TIMED_OUT}) and Outcome.ERROR not in outcomes and not missing
    )
