"""Evidence that needs no run: candidates and clusters, by applying patches to the base commit on the host.

    python -m benchmarks.patch_evidence --rows ROWS.jsonl --candidates CANDIDATES.jsonl.gz --out OUT

Nothing of a patch is executed. OUT gets the files that `benchmarks.selection_evidence` writes, without tests:
what rules can do on issues whose environments were not made. Clones are looked for in MANGABEY_MIRRORS.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.selection_evidence import Prediction, add_labels, candidates_of, predictions, with_faults
from benchmarks.swebench_rows import write_rows
from envs.git import GitError, git
from envs.sources import open_source
from envs.sources.base import Source
from runs.base_tree import BaseTree
from sandbox.base import Root
from selection.candidate import Candidate
from selection.clusters import MODES, Clusters, content_order, touched
from selection.evidence import Evidence
from selection.evidence_file import write_evidence
from selection.normalise import cluster_key


class Index:
    """An index of its own over a repository's base commit, whose new objects lie elsewhere."""

    def __init__(self, repository: Path, commit: str, scratch: Path) -> None:
        objects = Path(git(repository, "rev-parse", "--git-path", "objects").decode().strip())
        (scratch / "objects").mkdir(exist_ok=True)
        self._repository, self._scratch = repository, scratch
        self._env = {
            "GIT_INDEX_FILE": str(scratch / "index"),
            "GIT_OBJECT_DIRECTORY": str(scratch / "objects"),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str((repository / objects).resolve()),
        }
        git(repository, "read-tree", commit, env=self._env)
        shutil.copyfile(scratch / "index", scratch / "base")

    def contents(self, patch: str, paths: Sequence[str]) -> dict[str, bytes | None]:
        """Return files as they are with a patch applied, None for those that are not there.

        Raises:
            GitError: it does not apply.
        """
        shutil.copyfile(self._scratch / "base", self._scratch / "index")
        if patch:
            data = patch.encode("utf-8", "surrogateescape")
            try:
                git(
                    self._repository,
                    "apply",
                    "--cached",
                    "--whitespace=nowarn",
                    "-",
                    stdin=data,
                    env=self._env,
                )
            except GitError:
                lenient = ("apply", "--cached", "--whitespace=nowarn", "--recount", "-C1", "-")
                git(self._repository, *lenient, stdin=data, env=self._env)
        return {path: self._content(path) for path in paths}

    def _content(self, path: str) -> bytes | None:
        try:
            return git(self._repository, "cat-file", "blob", f":{path}", env=self._env)
        except GitError:
            return None


def gathered(candidates: Sequence[Candidate], index: Index) -> Clusters:
    """Return who makes the same program; see `selection.clusters.cluster`."""
    members: dict[str, list[Candidate]] = {}
    failed: dict[str, str] = {}
    for one in candidates:
        if not one.patch.strip():
            continue
        paths = touched(one.patch)
        modes = "\n".join(line for line in one.patch.split("\n") if line.startswith(MODES))
        try:
            key = cluster_key(index.contents("", paths), index.contents(one.patch, paths), modes)
        except GitError as error:
            failed[one.id] = " ".join(str(error).split())
        else:
            members.setdefault(key, []).append(one)
    idle = tuple(one.id for one in members.pop("", []))
    ordered = {key: sorted(members[key], key=content_order) for key in sorted(members)}
    return Clusters({key: tuple(one.id for one in group) for key, group in ordered.items()}, failed, idle)


async def make(source: Source, name: str, listed: Sequence[Prediction], options: argparse.Namespace) -> None:
    """Make an instance's evidence and labels, and write them."""
    task, repository = await source.load(name, options.home)
    assert repository is not None
    tree = BaseTree(Root(repository, repository, task.base_commit))
    pool: Mapping[int, Candidate] = candidates_of(listed, tree)
    candidates = tuple(pool.values())
    with tempfile.TemporaryDirectory() as scratch:
        clusters = gathered(candidates, Index(repository, task.base_commit, Path(scratch)))
    evidence = Evidence(name, task.repo, task.problem_statement, candidates, clusters)
    add_labels(options.out / "labels.json", name, listed, pool)
    write_evidence(options.out / f"{name}.jsonl.gz", [with_faults(evidence, tree)])
    print(f"{name}: {len(candidates)} candidates, {len(clusters.members)} clusters", end="", flush=True)
    print(f", {len(clusters.failed)} do not apply", flush=True)


async def run(options: argparse.Namespace) -> None:
    """Make what is missing."""
    options.out.mkdir(parents=True, exist_ok=True)
    source = open_source(str(write_rows(options.rows, options.out / "rows.jsonl")))
    for name, listed in sorted(predictions(options.candidates).items()):
        if not (options.out / f"{name}.jsonl.gz").exists():
            await make(source, name, listed, options)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--candidates", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--home", type=Path, default=Path(".mangabey"))
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
