"""Tasks from pairs of source releases: the buggy one under git, fix and tests cut from the next one."""

from __future__ import annotations

import asyncio
import difflib
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from envs.cache import build_once, content_key
from envs.git import GitError, commit_tree, git
from envs.interpreters import find_interpreter
from envs.sdists import fetch_sdist
from envs.suite import Hunk, Row, read_manifest
from envs.task import Environment, Grading, Sealed, Task, TaskError

_LINE = re.compile(rb"[^\n]*\n|[^\n]+\Z")
_OPTIONS_WITH_VALUE = frozenset({"-c", "-k", "-m", "-n", "-o", "-p", "-W"})


class PypiSuite:
    """The tasks of a manifest of release pairs.

    Args:
        manifest: a manifest of one's own; the shipped one where None.
    """

    def __init__(self, manifest: Path | None = None) -> None:
        self._manifest = manifest
        self._rows: dict[str, Row] | None = None

    def rows(self) -> tuple[Row, ...]:
        """Return the rows, in the manifest's order.

        Raises:
            TaskError: the manifest cannot be read.
        """
        if self._rows is None:
            self._rows = {row.id: row for row in read_manifest(self._manifest)}
        return tuple(self._rows.values())

    def ids(self) -> tuple[str, ...]:
        """Return the ids of the tasks, in the manifest's order."""
        return tuple(row.id for row in self.rows())

    def row(self, instance_id: str) -> Row:
        """Return one row.

        Raises:
            TaskError: there is none of that id; the message names the nearest.
        """
        rows = {row.id: row for row in self.rows()}
        if instance_id not in rows:
            near = difflib.get_close_matches(instance_id, rows, n=1, cutoff=0.4)
            hint = f"did you mean pypi/{near[0]}? " if near else ""
            raise TaskError(f"there is no task pypi/{instance_id}; {hint}`mangabey tasks list` lists all")
        return rows[instance_id]

    def describe(self, instance_id: str) -> Mapping[str, str]:
        """Return what may be shown of a task; see `Source.describe`."""
        row = self.row(instance_id)
        return {
            "repository": f"pypi/{row.package}",
            "package": f"{row.package} {row.buggy_version}",
            "tier": str(row.tier),
            "python": row.python,
            "issue": row.problem_statement,
        }

    def image_of(self, instance_id: str) -> str | None:
        """Return None: a task needs no image; see `envs.sources.images`."""
        self.row(instance_id)
        return None

    async def load(self, instance_id: str, home: Path) -> tuple[Task, Path | None]:
        """Return a task and the git repository that holds its base commit, built at the first call.

        Args:
            instance_id: the row's id.
            home: the cache folder.

        Raises:
            TaskError: there is no such task, pip cannot get a release, or a release does not fit the row.
        """
        row = self.row(instance_id)
        return await asyncio.to_thread(_load, row, home)


def _load(row: Row, home: Path) -> tuple[Task, Path]:
    home = home.resolve()
    key = content_key("pair 1", row.model_dump_json())
    folder = build_once(home / "tasks" / f"{row.id}-{key}", lambda empty: _build(row, home, empty))
    repository = folder / "repo"
    _, notice = find_interpreter(row.python)
    grading = Grading(
        test_patch=_read(folder / "test.patch"),
        test_command=row.test_command,
        fail_to_pass=row.fail_to_pass,
        pass_to_pass=row.pass_to_pass,
        test_files=row.test_files,
        gold_patch=_read(folder / "gold.patch"),
    )
    task = Task(
        instance_id=row.id,
        repo=f"pypi/{row.package}",
        base_commit=git(repository, "rev-parse", "HEAD").decode().strip(),
        problem_statement=row.problem_statement,
        environment=Environment(python=row.python, requirements=row.extra_requirements),
        test_runner=runner_without_tests(row.test_command, repository, row.test_files),
        grading=Sealed(grading),
        extra={"tier": row.tier, "notices": (notice,) if notice else ()},
    )
    return task, repository


def runner_without_tests(command: str, repository: Path, hidden: Iterable[str] = ()) -> str:
    """Return a test command without the test files and folders that it ends in.

    What is cut are the words at the end that name something in the repository or, with or without a node id
    after it, one of the hidden test files, which need not exist yet. The rest stays letter for letter.
    """
    secret = set(hidden)
    while True:
        head, _, last = command.rstrip().rpartition(" ")
        try:
            word = "".join(shlex.split(last))
        except ValueError:
            return command
        name = word.partition("::")[0]
        inside = bool(name) and not name.startswith(("-", "/")) and (repository / name).exists()
        is_value = head.rpartition(" ")[2] in _OPTIONS_WITH_VALUE
        if not head or is_value or not (inside or name in secret):
            return command.rstrip()
        command = head


def _build(row: Row, home: Path, folder: Path) -> None:
    digests = row.sdist_sha256
    buggy = fetch_sdist(row.package, row.buggy_version, digests.buggy, home) / row.root
    fixed = fetch_sdist(row.package, row.fixed_version, digests.fixed, home) / row.fixed_root
    for tree in (buggy, fixed):
        if not tree.is_dir():
            raise TaskError(f"{row.id}: the release has no folder {tree.name}")
    repository = folder / "repo"
    shutil.copytree(buggy, repository, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    try:
        commit_tree(repository, f"{row.package} {row.buggy_version}")
        for name, hunks in (("gold.patch", row.gold_hunks), ("test.patch", row.test_hunks)):
            (folder / name).write_bytes(_diff(repository, buggy, fixed, hunks))
    except (GitError, ValueError) as error:
        raise TaskError(f"{row.id} cannot be built: {error}") from error


def _diff(repository: Path, buggy: Path, fixed: Path, hunks: Iterable[Hunk]) -> bytes:
    """Return the selected changes as a git diff and leave the repository as it was."""
    by_file: dict[str, list[Hunk]] = {}
    for hunk in hunks:
        by_file.setdefault(hunk.file, []).append(hunk)
    for name, selected in by_file.items():
        path = repository / name
        data = b"".join(_merged(_lines(buggy, name), _lines(fixed, name), selected))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    git(repository, "add", "--all", "--force")
    diff = git(
        repository, "diff", "--cached", "--binary", "--no-renames", "--no-ext-diff", "--no-color", "HEAD"
    )
    git(repository, "reset", "--quiet", "--hard", "HEAD")
    return diff


def _merged(old: list[bytes], new: list[bytes], hunks: Iterable[Hunk]) -> list[bytes]:
    merged: list[bytes] = []
    position = 1
    for hunk in sorted(hunks, key=lambda one: (one.old_line_range, one.new_line_range)):
        (start, end), (new_start, new_end) = hunk.old_line_range, hunk.new_line_range
        if not (position <= start <= end <= len(old) + 1 and new_start <= new_end <= len(new) + 1):
            raise ValueError(f"the lines {hunk.old_line_range} of {hunk.file} do not fit the releases")
        merged += old[position - 1 : start - 1] + new[new_start - 1 : new_end - 1]
        position = end
    return merged + old[position - 1 :]


def _lines(tree: Path, name: str) -> list[bytes]:
    """Return a file's lines, none where there is no such file inside the release."""
    path = tree / name
    if not path.is_file() or not path.resolve().is_relative_to(tree.resolve()):
        return []
    return _LINE.findall(path.read_bytes())


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")
