"""Which changes would be dropped from a patch, told before they are made.

The same rules as the selector's (`selection.separate`), which drops them from whatever it is handed.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from envs import paths
from sandbox.base import Sandbox

_LISTING = (
    "git -c safe.directory='*' ls-files -z 2>/dev/null || find . -path ./.git -prune -o -type f -print0"
)
_HEADER = re.compile(r"^\s*(\[.*\])\s*(?:[#;].*)?$")


@dataclass(frozen=True, slots=True)
class Protection:
    """What is known of the base: its files, their folders, and which of these hold tests."""

    files: frozenset[str]
    folders: frozenset[str]
    suites: frozenset[str]

    def why_refused(self, path: str, before: bytes | None, after: bytes) -> str:
        """Return why a change of a file may not be made, empty where it may.

        Args:
            path: relative to the repository.
            before: the file on the base, None where it has none.
            after: the file as it would be.
        """
        name = posixpath.basename(path)
        if paths.configures_runner(path) and not paths.is_source_of(path, self.files, self.folders):
            return "it configures how tests are run, and such changes are dropped from your patch"
        if name in paths.SECTIONED_FILES:
            sections = _changed_sections(_text(before or b""), _text(after))
            if named := sorted(one for one in sections if paths.is_runner_section(one)):
                return f"section {named[0] or '(top)'} configures a tool that tests run with, and is dropped"
        inside = paths.in_suite(path, self.suites)
        if path in self.files:
            tests = paths.has_test_name(path) and paths.defines_tests(_text(before or b""))
            if inside or tests:
                return "it belongs to the existing tests, and changes of them are dropped from your patch"
            return ""
        if paths.has_test_name(path):
            return "it is named like a test: write tests with `write_test`"
        if inside:
            return (
                "a new file among the tests is dropped from your patch; tests are written with `write_test`"
            )
        if paths.is_leftover(path):
            return "files of that name are taken for leftovers of tools and dropped from your patch"
        return ""


async def protection_of(sandbox: Sandbox) -> Protection:
    """Return what is protected in a repository; untracked files count where git cannot be asked.

    Raises:
        SandboxError: its files cannot be listed.
    """
    listing = await sandbox.exec(_LISTING, timeout=60)
    files = frozenset(
        path.decode("utf-8", "surrogateescape").removeprefix("./")
        for path in listing.output.split(b"\0")
        if path
    )
    folders = frozenset(str(parent) for path in files for parent in PurePosixPath(path).parents)
    return Protection(files, folders, paths.suite_folders(files))


def _changed_sections(before: str, after: str) -> set[str]:
    """Return the headers below which two INI or TOML texts differ; the empty one for the lines above all."""
    old, new = _sections(before), _sections(after)
    return {header for header in old.keys() | new.keys() if old.get(header) != new.get(header)}


def _sections(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    current = ""
    for line in text.splitlines():
        if header := _HEADER.match(line):
            current = header[1]
            found.setdefault(current, [])
        elif line.strip():
            found.setdefault(current, []).append(line.rstrip())
    return found


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
