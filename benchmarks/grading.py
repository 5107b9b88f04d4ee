"""Do our verdicts agree with published ones, and what does a grade cost?

    python -m benchmarks.grading --rows ROWS.jsonl --candidates CANDIDATES.jsonl.gz --out OUT

ROWS are SWE-bench rows with pins, CANDIDATES predictions with `resolved` and `verdict_quality`. Clones are
looked for in MANGABEY_MIRRORS. Results are kept in OUT, a line each, and not made again; `--report` only
prints the table of them.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.swebench_rows import write_rows
from envs.grading import grade
from envs.prepare import prepare
from envs.sources import open_source
from envs.sources.base import Source
from envs.task import TaskError
from sandbox.base import Limits, SandboxError
from sandbox.hosts import open_host

LIMITS = Limits(memory=6 << 30)


def candidates(path: Path, quality: str) -> list[Mapping[str, Any]]:
    """Return the predictions of a quality (`checked`, `authors`, `inferred`, or `all`), numbered by place."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        read = [json.loads(line) | {"number": number} for number, line in enumerate(file)]
    return [one for one in read if quality in {"all", one["verdict_quality"]}]


async def grade_instance(
    source: Source, instance_id: str, predictions: Iterable[Mapping[str, Any]], home: Path, log: Path
) -> None:
    """Prepare an instance twice, grade its predictions, and write a line for each."""
    host = open_host("docker")
    try:
        began = time.monotonic()
        task, repository = await source.load(instance_id, home)
        prepared = await prepare(task, repository, home)
        first = time.monotonic() - began
        began = time.monotonic()
        await prepare(task, repository, home)
        write(log, {"instance": instance_id, "first": first, "later": time.monotonic() - began})
        for one in predictions:
            began = time.monotonic()
            found = await grade(task, prepared, host, one["model_patch"], limits=LIMITS)
            line = {
                "number": one["number"],
                "instance": instance_id,
                "source": one["source"],
                "official": one["resolved"],
                "quality": one["verdict_quality"],
                "ours": found.status.value,
                "summary": found.summary,
                "seconds": time.monotonic() - began,
                "tests": found.seconds,
                "runs": found.runs,
            }
            write(log, line)
            print(json.dumps(line)[:200], flush=True)
            if found.resolved != one["resolved"]:
                (log.parent / f"{one['number']}.log").write_text(found.log, errors="replace")
    except (TaskError, SandboxError) as error:
        print(f"{instance_id}: {error}", flush=True)
    finally:
        await host.close()


def write(log: Path, line: Mapping[str, Any]) -> None:
    """Append a line to the results."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read(log: Path) -> list[Mapping[str, Any]]:
    """Return the results so far."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def agrees(line: Mapping[str, Any]) -> bool:
    """Whether our verdict is the published one."""
    return bool((line["ours"] == "resolved") == line["official"])


def report(lines: list[Mapping[str, Any]]) -> str:
    """Return the table, instance by instance, and the totals."""
    grades = list({line["number"]: line for line in lines if "number" in line}.values())
    by_instance: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for line in grades:
        by_instance[line["instance"]].append(line)
    head = [
        "| instance | agree | of | officially resolved | seconds a grade |",
        "| --- | --- | --- | --- | --- |",
    ]
    rows = (_row(name, found) for name, found in sorted(by_instance.items()))
    return "\n".join([*head, *rows, *_totals(grades, [line for line in lines if "first" in line])])


def _row(name: str, found: list[Mapping[str, Any]]) -> str:
    seconds = statistics.median(one["seconds"] for one in found)
    resolved = sum(one["official"] for one in found)
    return f"| {name} | {sum(map(agrees, found))} | {len(found)} | {resolved} | {seconds:.1f} |"


def _totals(grades: list[Mapping[str, Any]], prepared: list[Mapping[str, Any]]) -> Iterator[str]:
    yield f"\n{sum(map(agrees, grades))} of {len(grades)} verdicts agree."
    for one in grades:
        if not agrees(one):
            name = f"{one['number']} {one['instance']} {one['source']}"
            yield f"- {name}: official {one['official']}, ours {one['ours']} ({one['summary']})"
    if grades:
        yield f"Median grade {statistics.median(one['seconds'] for one in grades):.1f} s."
    if prepared:
        first, later = [one["first"] for one in prepared], [one["later"] for one in prepared]
        yield (
            f"Preparation: median {statistics.median(first):.1f} s, most {max(first):.1f} s; "
            f"later {statistics.median(later):.2f} s."
        )


async def run(options: argparse.Namespace) -> None:
    """Grade what has no result yet, `--parallel` instances at a time."""
    log = options.out / "results.jsonl"
    options.out.mkdir(parents=True, exist_ok=True)
    source = open_source(str(write_rows(options.rows, options.out / "rows.jsonl")))
    done = {line["number"] for line in read(log) if "number" in line}
    waiting: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for one in candidates(options.candidates, options.quality):
        if one["number"] not in done and options.only in one["instance_id"]:
            waiting[one["instance_id"]].append(one)
    slots = asyncio.Semaphore(options.parallel)

    async def instance(name: str, predictions: list[Mapping[str, Any]]) -> None:
        async with slots:
            await grade_instance(source, name, predictions, options.home, log)

    async with asyncio.TaskGroup() as group:
        for name, predictions in waiting.items():
            group.create_task(instance(name, predictions))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--candidates", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--home", type=Path, default=Path(".mangabey"))
    parser.add_argument("--quality", default="checked")
    parser.add_argument("--only", default="", help="part of an instance's id")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--report", action="store_true")
    options = parser.parse_args()
    if not options.report:
        asyncio.run(run(options))
    print(report(read(options.out / "results.jsonl")))


if __name__ == "__main__":
    main()
