"""What running says of published predictions: the evidence that selection rules are measured on.

    python -m benchmarks.selection_evidence --rows ROWS.jsonl --candidates CANDIDATES.jsonl.gz --out OUT
        [--written FOLDER]

For each instance its predictions become candidates and clusters, and the test matrix is run: existing tests
of the base commit near the change, as many as its time allows, tests that the predictions brought, tests
that the issue's own snippets give (as `builtin/repair` writes them), and those of FOLDER/ID, which somebody
wrote who saw the issue and the repository only. The issue's own programs are run too, and it is traced
what they and failing tests execute on the base. Neither the hidden tests nor the labels are looked at. OUT
gets `ID.jsonl.gz` (evidence) for each instance, `labels.json` (for measuring only) and the finished cells, so
that a run that was interrupted goes on. Clones are looked for in MANGABEY_MIRRORS.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.existing import Chosen, choose_existing
from benchmarks.spoken_tests import spoken_tests
from benchmarks.swebench_rows import write_rows
from envs.applying import apply_prediction
from envs.prepare import Prepared, prepare, prepared_base
from envs.sources import open_source
from envs.sources.base import Source
from envs.task import PublicTask, Task, TaskError
from runs.base_tree import BaseTree
from runs.journal import Journal
from runs.judging import JournalCells
from sandbox.base import Limits, PatchError, Root, Sandbox, SandboxError
from sandbox.forks import forked
from sandbox.hosts import open_host
from selection.candidate import Candidate, TestFile
from selection.cells import CellStore
from selection.clusters import Clusters, cluster, touched
from selection.differences.demonstrations import demonstrated
from selection.differences.results import results_of
from selection.evidence import Evidence
from selection.evidence_file import write_evidence
from selection.excused import excused_tests
from selection.executions import executions
from selection.faults import faulty
from selection.matrix import run_matrix
from selection.records import ended
from selection.separate import candidate_from_diff

LIMITS = Limits(memory=4 << 30)
REPOSITORIES = ("pytest-dev/", "sphinx-doc/", "psf/", "sympy/")
"""Cheapest first."""
LABELS = ("resolved", "verdict_quality", "equals_gold", "chosen_with_hindsight")
WRITER = "who saw the issue only"
"""The author of tests that no candidate brought."""
MOST_GENERATED = 8
"""Generated files that are run of one instance, those of the issue among them."""

Prediction = Mapping[str, Any]


def predictions(path: Path) -> Mapping[str, list[Prediction]]:
    """Return the predictions of each instance, numbered by their place in the file."""
    found: dict[str, list[Prediction]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            one = json.loads(line) | {"number": number}
            found[one["instance_id"]].append(one)
    return found


def candidates_of(listed: Sequence[Prediction], base: Mapping[str, bytes]) -> dict[int, Candidate]:
    """Return an instance's candidates by the number of their prediction."""
    return {
        one["number"]: candidate_from_diff(
            ended(one["model_patch"] or ""), origin=f"{one['number']} {one['source']}", base=base
        )
        for one in listed
    }


async def make(source: Source, name: str, listed: Sequence[Prediction], options: argparse.Namespace) -> None:
    """Make an instance's evidence and labels, and write them."""
    began = time.monotonic()
    task, repository = await source.load(name, options.home)
    prepared = await prepare(task, repository, options.home)
    tree = BaseTree(prepared.grading)
    host = await asyncio.to_thread(open_host, "docker", {"mangabey.issue": name})
    try:
        with Journal(options.out / "cells" / name) as journal:
            base = await prepared_base(task, environment_root(task, prepared), host, LIMITS)
            pool, clusters = await gathered(base, listed, tree)
            candidates = tuple(pool.values())
            public = replace(task.public(), test_runner=runner_of(task))
            spoken = await _spoken(journal, base, public, prepared.grading.tree, tree)
            chosen = await _existing(journal, base, public.test_runner, candidates, clusters, options.budget)
            written = await asyncio.to_thread(_written, options.written, name)
            told = f"{len(candidates)} candidates, {len(clusters.members)} clusters"
            told += f", {len(spoken)} spoken, {len(written)} written"
            print(f"{name}: {told}, {len(chosen.files)} existing in {chosen.seconds:.0f} s", flush=True)
            matrix = await run_matrix(
                replace(public, test_runner=chosen.runner(public.test_runner)),
                base,
                _with_few_tests(candidates, MOST_GENERATED - len(spoken)),
                clusters,
                tests=[*spoken, *written],
                regressions=[chosen.files] if chosen.files else (),
                cells=JournalCells(journal),
                parallel=1,
                timeout=max(60.0, 5 * chosen.seconds),
            )
            evidence = Evidence(
                task=name,
                repo=task.repo,
                problem_statement=task.problem_statement,
                candidates=candidates,
                clusters=clusters,
                matrix=matrix,
                excused=excused_tests(clusters, matrix),
            )
            cells = JournalCells(journal)
            evidence = evidence.with_facts(await demonstrated(evidence, base, cells=cells))
            evidence = replace(evidence, results=await results_of(evidence, base, cells=cells))
            evidence = await with_executions(evidence, base, tree, public.test_runner, cells)
    finally:
        await host.close()
    add_labels(options.out / "labels.json", name, listed, pool)
    write_evidence(options.out / f"{name}.jsonl.gz", [with_faults(evidence, tree)])
    print(f"{name}: {len(matrix.tests)} tests x {len(matrix.rows)} rows", end="", flush=True)
    print(f" in {time.monotonic() - began:.0f} s", flush=True)


async def gathered(
    base: Sandbox, listed: Sequence[Prediction], tree: Mapping[str, bytes]
) -> tuple[dict[int, Candidate], Clusters]:
    """Return the candidates by number, and their clusters.

    Of a diff that git takes only by the harness's other ways, the candidate is what these make of it.
    """
    pool = await asyncio.to_thread(candidates_of, listed, tree)
    clusters = await cluster(base, tuple(pool.values()), parallel=1)
    failed = [one for one in listed if pool[one["number"]].id in clusters.failed]
    if not failed:
        return pool, clusters
    for one in failed:
        async with forked(base) as box:
            try:
                await apply_prediction(box, ended(one["model_patch"]))
                applied = {**one, "model_patch": await box.diff()}
            except PatchError:
                continue
        pool |= await asyncio.to_thread(candidates_of, [applied], tree)
    return pool, await cluster(base, tuple(pool.values()), parallel=1)


def with_faults(evidence: Evidence, tree: Mapping[str, bytes]) -> Evidence:
    """Return evidence with what is wrong with its candidates for all to see."""
    return evidence.with_facts(faulty(evidence, _texts(evidence, tree)))


async def with_executions(
    evidence: Evidence, base: Sandbox, tree: Mapping[str, bytes], runner: str, cells: CellStore
) -> Evidence:
    """Return evidence with how much of what its candidates change runs on the base."""
    return replace(
        evidence, executed=await executions(evidence, base, _texts(evidence, tree), runner, cells=cells)
    )


def _texts(evidence: Evidence, tree: Mapping[str, bytes]) -> Mapping[str, str]:
    """Return the base's files that candidates touch."""
    paths = {path for one in evidence.candidates for path in touched(one.patch)}
    return {path: tree[path].decode("utf-8", "replace") for path in paths if path in tree}


def environment_root(task: Task, prepared: Prepared) -> Root:
    """Return what the rows start from: the clean base, which predictions are made against, in agents' image.

    The image of agents has a second pytest in it, which pytest's own tests must not meet.
    """
    own = task.repo == "pytest-dev/pytest"
    return prepared.grading if own else replace(prepared.grading, image=prepared.root.image)


def runner_of(task: Task) -> str:
    """Return the command that runs tests; pytest's own need a plugin that its configuration names."""
    return f"{task.test_runner} -p pytester" if task.repo == "pytest-dev/pytest" else task.test_runner


async def _spoken(
    journal: Journal, base: Sandbox, task: PublicTask, tree: Path, paths: Collection[str]
) -> list[TestFile]:
    """Return the tests that the issue gives, made once."""
    known = journal.last("spoken")
    if known is None:
        found = await spoken_tests(base, task.test_runner, task.problem_statement, tree, paths)
        known = {"tests": [[one.path, one.content, one.author] for one in found]}
        await journal.append("spoken", known)
    return [TestFile(*one) for one in known["tests"]]


def _written(folder: Path | None, name: str) -> list[TestFile]:
    """Return the test files that lie in a folder for an instance, by their paths in its repository."""
    if folder is None:
        return []
    own = folder / name
    paths = sorted(path for path in own.rglob("*.py") if path.is_file())
    return [TestFile(str(path.relative_to(own)), path.read_text(encoding="utf-8"), WRITER) for path in paths]


async def _existing(
    journal: Journal,
    base: Sandbox,
    runner: str,
    candidates: Sequence[Candidate],
    clusters: Clusters,
    budget: float,
) -> Chosen:
    """Return the existing tests to run with every row, chosen once."""
    known = journal.last("existing")
    if known is None and not budget:
        return Chosen((), (), 0.0)
    if known is None:
        a_row = min(40.0, max(20.0, budget / (len(clusters.members) + 2)))
        found = await choose_existing(base, runner, _changed(candidates), a_row)
        known = {"files": found.files, "left_out": found.left_out, "seconds": found.seconds}
        await journal.append("existing", known)
    return Chosen(tuple(known["files"]), tuple(known["left_out"]), float(known["seconds"]))


def _changed(candidates: Sequence[Candidate]) -> list[str]:
    """Return the paths that a fifth of those who change something change; all where there are none."""
    counts = Counter(path for one in candidates for path in touched(one.patch))
    active = sum(bool(one.patch.strip()) for one in candidates)
    common = [path for path, count in counts.items() if 5 * count >= active]
    return sorted(common or counts)


def _with_few_tests(candidates: Sequence[Candidate], most: int) -> list[Candidate]:
    """Return the candidates with so many distinct test files in all, one an author in turn."""
    kept: dict[str, list[TestFile]] = {one.id: [] for one in candidates}
    contents: set[str] = set()
    for place in range(max((len(one.tests) for one in candidates), default=0)):
        for one in sorted(candidates, key=lambda one: one.id):
            if place >= len(one.tests):
                continue
            test = one.tests[place]
            if test.content in contents or len(contents) < most:
                contents.add(test.content)
                kept[one.id].append(test)
    return [replace(one, tests=tuple(kept[one.id])) for one in candidates]


def add_labels(file: Path, name: str, listed: Sequence[Prediction], pool: Mapping[int, Candidate]) -> None:
    """Add an instance's labels to those of the others; they are for measuring and never in the evidence."""
    labels = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    for one in listed:
        known = {"task": name, "number": one["number"]} | {key: one[key] for key in LABELS}
        labels[pool[one["number"]].id] = known
    draft = file.with_name(f".labels.{os.getpid()}")
    draft.write_text(json.dumps(labels, indent=0, sort_keys=True), encoding="utf-8")
    draft.replace(file)


async def run(options: argparse.Namespace) -> None:
    """Make what is missing, `--parallel` instances at a time."""
    options.out.mkdir(parents=True, exist_ok=True)
    source = open_source(str(write_rows(options.rows, options.out / "rows.jsonl")))
    listed = predictions(options.candidates)
    repos = {}
    for line in options.rows.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        repos[row["instance_id"]] = row["repo"]
    order = {prefix: place for place, prefix in enumerate(REPOSITORIES)}
    names = [name for name in listed if options.only in name]
    names.sort(key=lambda name: (_place(repos[name], order), len(listed[name]), name))
    if options.first:
        first = options.first.read_text(encoding="utf-8").split()
        names.sort(key=lambda name: first.index(name) if name in first else len(first))
    slots = asyncio.Semaphore(options.parallel)

    async def one(name: str) -> None:
        async with slots:
            if (options.out / f"{name}.jsonl.gz").exists():
                return
            if options.until and time.strftime("%H:%M") >= options.until:
                return
            try:
                await make(source, name, listed[name], options)
            except (TaskError, SandboxError) as error:
                print(f"{name}: left out: {' '.join(str(error).split())[:300]}", flush=True)
            except Exception:  # one instance's defect must not stop the others
                print(f"{name}: left out:\n{traceback.format_exc()}", flush=True)

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(one(name))


def _place(repo: str, order: Mapping[str, int]) -> int:
    return next((place for prefix, place in order.items() if repo.startswith(prefix)), len(order))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--candidates", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--home", type=Path, default=Path(".mangabey"))
    parser.add_argument("--only", default="", help="part of an instance's id")
    parser.add_argument("--first", type=Path, help="a file of ids that are made first, in its order")
    parser.add_argument("--written", type=Path, help="folder of tests by instance id")
    parser.add_argument(
        "--budget", type=float, default=60.0, help="seconds of existing tests, all rows; 0 for none"
    )
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--until", default="", help="HH:MM after which no instance is begun")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
