"""Candidates that make the same program, gathered into clusters: each is tested once."""

from __future__ import annotations

import asyncio
import hashlib
import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from envs.patches import split
from sandbox.base import PatchError, Sandbox, SandboxFileError
from sandbox.forks import forked
from selection import hunks
from selection.candidate import Candidate
from selection.normalise import Files, cluster_key

MODES = ("old mode ", "new mode ", "new file mode ")


@dataclass(frozen=True, slots=True)
class Clusters:
    """Who makes the same program.

    `members` are candidate ids by cluster key, the representative first: the one that changes the fewest
    lines, of equals the first by its patch's hash. `failed` says of each candidate without a cluster why
    its patch does not apply, `idle` are those that change comments, docstrings or layout only; candidates
    with an empty patch are in none.
    """

    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    idle: tuple[str, ...] = ()

    def key_of(self, candidate: str) -> str:
        """Return the cluster of a candidate, empty where it has none."""
        return next((key for key, ids in self.members.items() if candidate in ids), "")


async def cluster(base: Sandbox, candidates: Sequence[Candidate], *, parallel: int = 2) -> Clusters:
    """Apply every patch in a fork of the base and gather the candidates by the program it makes.

    Raises:
        SandboxError: the base cannot be forked or read.
    """
    slots = asyncio.Semaphore(parallel)
    keys: dict[str, str | PatchError] = {}

    async def find(patch: str) -> None:
        async with slots:
            keys[patch] = await _key(base, patch)

    async with asyncio.TaskGroup() as group:
        for patch in {one.patch for one in candidates if one.patch.strip()}:
            group.create_task(find(patch))
    members: dict[str, list[Candidate]] = {}
    failed: dict[str, str] = {}
    for one in {one.id: one for one in candidates if one.patch.strip()}.values():
        key = keys[one.patch]
        if isinstance(key, PatchError):
            failed[one.id] = " ".join(str(key).split()).removeprefix("the patch does not apply: ")
        else:
            members.setdefault(key, []).append(one)
    idle = members.pop("", [])
    return Clusters(
        {key: tuple(one.id for one in sorted(members[key], key=content_order)) for key in sorted(members)},
        dict(sorted(failed.items())),
        tuple(sorted(one.id for one in idle)),
    )


def content_order(candidate: Candidate) -> tuple[int, str, str]:
    """Return what orders equals: fewest changed lines, then hashes of content; never who came first."""
    return changed_lines(candidate.patch), hashlib.sha256(_bytes(candidate.patch)).hexdigest(), candidate.id


def changed_lines(patch: str) -> int:
    """Return how many lines a patch adds and removes."""
    return sum(hunks.changed_lines(part.text) for part in split(patch))


def touched(patch: str) -> tuple[str, ...]:
    """Return every path a patch changes, adds or removes, both ends of a rename included."""
    return tuple(sorted({path for part in split(patch) for path in (part.old_path, part.path) if path}))


async def _key(base: Sandbox, patch: str) -> str | PatchError:
    paths = touched(patch)
    modes = "\n".join(line for line in patch.split("\n") if line.startswith(MODES))
    async with forked(base) as box:
        before = await _contents(box, paths)
        try:
            await _require_plain(box, patch, paths)
            await box.apply_patch(patch)
        except PatchError as error:
            return error
        return cluster_key(before, await _contents(box, paths), modes)


async def _require_plain(box: Sandbox, patch: str, paths: Collection[str]) -> None:
    """Ask git which files a patch names, so that none is patched that was not seen before."""
    command = ["git", "-c", "safe.directory=*", "apply", "--numstat", "--whitespace=nowarn", "-z", "-"]
    result = await box.exec(command, stdin=_bytes(patch), timeout=60)
    if not result.ok:
        raise PatchError(result.text.strip().split("\n")[0] or "git cannot read it")
    entries = [entry.split("\t", 2)[-1] for entry in _text(result.output).split("\0")]
    named = {posixpath.normpath(name) for name in entries if name}
    hidden = named - {posixpath.normpath(path) for path in paths}
    if hidden:
        raise PatchError(f"its headers disagree about the file they patch: {min(hidden)}")


async def _contents(box: Sandbox, paths: Sequence[str]) -> Files:
    files: dict[str, bytes | None] = {}
    for path in paths:
        try:
            files[path] = await box.read(path)
        except SandboxFileError:
            files[path] = None
    return files


def _text(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
