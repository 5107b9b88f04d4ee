"""Evidence of what programs come to with published predictions, the issue's and others, and what is executed.

    python -m benchmarks.demonstrations --rows ROWS.jsonl --candidates CANDIDATES.jsonl.gz --out OUT
        [--evidence FOLDER]

OUT gets the files that `benchmarks.selection_evidence` writes; an instance that FOLDER has is taken from
there and given what it lacks, and so keeps its tests. Of tests those alone are run which fail on the base,
there and once. An instance that is in OUT is not done again. Clones are
looked for in MANGABEY_MIRRORS.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.selection_evidence import (
    LIMITS,
    Prediction,
    add_labels,
    environment_root,
    gathered,
    predictions,
    runner_of,
    with_executions,
    with_faults,
)
from benchmarks.swebench_rows import write_rows
from envs.prepare import prepare, prepared_base
from envs.sources import open_source
from envs.sources.base import Source
from envs.task import TaskError
from runs.base_tree import BaseTree
from sandbox.base import SandboxError
from sandbox.hosts import open_host
from selection.cells import MemoryCells
from selection.differences.demonstrations import FACT, demonstrated
from selection.differences.results import results_of
from selection.evidence import Evidence
from selection.evidence_file import read_evidence, write_evidence
from selection.features import measure


async def make(source: Source, name: str, listed: Sequence[Prediction], options: argparse.Namespace) -> None:
    """Write an instance's evidence, and its labels."""
    began = time.monotonic()
    task, repository = await source.load(name, options.home)
    known = options.evidence / f"{name}.jsonl.gz" if options.evidence else None
    prepared = await prepare(task, repository, options.home)
    tree = BaseTree(prepared.grading)
    host = await asyncio.to_thread(open_host, "docker", {"mangabey.issue": name})
    try:
        base = await prepared_base(task, environment_root(task, prepared), host, LIMITS)
        pool, clusters = await gathered(base, listed, tree)
        if known and known.exists():
            (evidence,) = read_evidence(known)
        else:
            evidence = Evidence(
                task=name,
                repo=task.repo,
                problem_statement=task.problem_statement,
                candidates=tuple(pool.values()),
                clusters=clusters,
            )
        cells = MemoryCells()
        if not any(FACT in facts for facts in evidence.facts.values()):
            evidence = evidence.with_facts(await demonstrated(evidence, base, cells=cells))
        if not evidence.results:
            evidence = replace(evidence, results=await results_of(evidence, base, cells=cells))
        evidence = await with_executions(evidence, base, tree, runner_of(task), cells)
    finally:
        await host.close()
    add_labels(options.out / "labels.json", name, listed, pool)
    write_evidence(options.out / f"{name}.jsonl.gz", [with_faults(evidence, tree)])
    shown = [facts[FACT] for facts in evidence.facts.values() if FACT in facts]
    ran = [one["executed"] for one in measure(evidence).values() if "executed" in one]
    print(
        f"{name}: {len(shown)} candidates run, {sum(shown):.0f} change what the issue shows;"
        f" {len(evidence.results)} programs part the candidates;"
        f" {len(evidence.executed)} runs traced, {sum(ran):.1f} of {len(ran)} change what they execute;"
        f" {time.monotonic() - began:.0f} s",
        flush=True,
    )


async def run(options: argparse.Namespace) -> None:
    """Make what is missing, `--parallel` instances at a time."""
    options.out.mkdir(parents=True, exist_ok=True)
    source = open_source(str(write_rows(options.rows, options.out / "rows.jsonl")))
    listed = predictions(options.candidates)
    slots = asyncio.Semaphore(options.parallel)

    async def one(name: str) -> None:
        async with slots:
            if (options.out / f"{name}.jsonl.gz").exists():
                return
            try:
                await make(source, name, listed[name], options)
            except (TaskError, SandboxError) as error:
                print(f"{name}: left out: {' '.join(str(error).split())[:300]}", flush=True)

    async with asyncio.TaskGroup() as group:
        names = [name for name in listed if options.only in name]
        for name in sorted(names, key=lambda name: (not name.startswith(options.first), name)):
            group.create_task(one(name))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--candidates", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--evidence", type=Path, help="folder of evidence that is taken where it has any")
    parser.add_argument("--home", type=Path, default=Path(".mangabey"))
    parser.add_argument("--only", default="", help="part of an instance's id")
    parser.add_argument("--first", default="", help="begin with the instances whose ids begin so")
    parser.add_argument("--parallel", type=int, default=2)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
