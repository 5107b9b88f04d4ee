"""The test matrix in warm rooms beside one container for each cell: containers started, wall time, outcomes.

    python -m benchmarks.matrix [--task pypi/funcy__2.0-1] [--image IMAGE] [--candidates 10] [--tests 10]
                                [--parallel 2] [--json FILE]

Both run the same candidates and tests on the same image, so many at one time, the base twice. A cell of
the plain way is one `docker run` that applies the patch, writes the test file, runs it and prints
pytest's report; the image holds the repository already. The candidates change one source file each, every
other one for the worse; the tests are single functions of the repository's own test files, of the size
that agents write.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import base64
import difflib
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.machine import machine
from envs.junit import JUnitError, parse_junit
from envs.outcomes import Outcome
from envs.prepare import prepare, prepared_base
from envs.sources import find_task
from envs.task import Task
from runs.base_tree import BaseTree
from sandbox.base import Limits, Root, Sandbox
from sandbox.docker.box import DockerSandbox
from sandbox.home import default_home
from sandbox.hosts import open_host
from selection.candidate import Candidate, TestFile
from selection.clusters import Clusters, cluster
from selection.matrix import BASE, run_matrix

LABEL = "mangabey.run"
SECONDS = 120.0
CELL = """
set -e
cd "$WHERE"
printf %s "$PATCH" | base64 -d > /tmp/patch
[ ! -s /tmp/patch ] || git -c safe.directory='*' apply /tmp/patch
printf %s "$TEST" | base64 -d > "$FILE"
set +e
options="--rootdir=. -o junit_family=xunit1 -o junit_logging=no --junitxml=/tmp/report.xml"
eval "$RUNNER $options $FILE" > /dev/null 2>&1
cat /tmp/report.xml
"""
Outcomes = dict[tuple[str, str], Outcome]


@dataclass(frozen=True)
class Measured:
    """What one way came to."""

    seconds: float
    starts: int
    outcomes: Outcomes


@dataclass(frozen=True)
class Scene:
    """What both ways work on; `plain` is the name of the image that holds the repository."""

    task: Task
    root: Root
    base: Sandbox
    candidates: Sequence[Candidate]
    tests: Sequence[TestFile]
    parallel: int
    plain: str
    run: str


async def warm(scene: Scene, clusters: Clusters) -> Outcomes:
    """Fill the matrix as `mangabey select` does."""
    matrix = await run_matrix(
        scene.task.public(),
        scene.base,
        scene.candidates,
        clusters,
        tests=scene.tests,
        parallel=scene.parallel,
        timeout=SECONDS,
    )
    names = {key: ids[0] for key, ids in clusters.members.items()} | {BASE: BASE}
    rows = (BASE, *matrix.rows)
    return {(case.target, names[row]): matrix.outcome(case.id, row) for case in matrix.tests for row in rows}


async def one_each(scene: Scene) -> Outcomes:
    """Fill the matrix with a container for each cell."""
    slots, found = asyncio.Semaphore(scene.parallel), Outcomes()

    async def fill(name: str, patch: str, file: TestFile) -> None:
        async with slots:
            found.update({(test, name): one for test, one in (await _container(scene, patch, file)).items()})

    rows = [(BASE, ""), (BASE, ""), *((one.id, one.patch) for one in scene.candidates)]
    async with asyncio.TaskGroup() as group:
        for name, patch in rows:
            for file in scene.tests:
                group.create_task(fill(name, patch, file))
    return found


async def _container(scene: Scene, patch: str, file: TestFile) -> Mapping[str, Outcome]:
    given = {
        **scene.root.env,
        "WHERE": scene.root.workdir,
        "PATCH": base64.b64encode(patch.encode()).decode(),
        "TEST": base64.b64encode(file.content.encode()).decode(),
        "FILE": file.path,
        "RUNNER": scene.task.test_runner,
    }
    command = [
        "docker",
        "run",
        "--rm",
        "--network",
        "none",
        "--user",
        "1000:1000",
        "--label",
        f"{LABEL}={scene.run}-each",
    ]
    command += [
        word for inside, folder in scene.root.mounts.items() for word in ("-v", f"{folder}:{inside}:ro")
    ]
    command += [word for name, value in given.items() for word in ("-e", f"{name}={value}")]
    process = await asyncio.create_subprocess_exec(
        *command, scene.plain, "/bin/bash", "-c", CELL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    report, _ = await process.communicate()
    try:
        return parse_junit(report, [file.path]).outcomes
    except JUnitError:
        return {}


async def measured(way: Callable[[], Awaitable[Outcomes]], run: str) -> Measured:
    """Do something and count the containers of a run that are started meanwhile."""
    command = ["docker", "events", "--filter", "event=start", "--filter", f"label={LABEL}={run}"]
    watching = await asyncio.create_subprocess_exec(*command, "--format", "{{.ID}}", stdout=subprocess.PIPE)
    await asyncio.sleep(2)  # it is listening by now; the engine itself remembers a few events only
    began = time.monotonic()
    outcomes = await way()
    seconds = time.monotonic() - began
    await asyncio.sleep(1)
    watching.terminate()
    told, _ = await watching.communicate()
    return Measured(seconds, len(told.split()), outcomes)


def _output(*command: str) -> str:
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


def candidates_of(tree: Mapping[str, bytes], number: int) -> list[Candidate]:
    """Return programs that all differ: every other one lacks a returned value."""
    sources = sorted(
        path for path in tree if path.endswith(".py") and "test" not in path and b"    return" in tree[path]
    )
    made = []
    for n in range(number):
        path = sources[n % len(sources)]
        before = tree[path].decode().splitlines(keepends=True)
        after = [*before, "\n", f"BENCH = {n}\n"]
        if n % 2:
            place = max(i for i, line in enumerate(before) if line.startswith("    return "))
            after[place] = "    return None\n"
        lines = difflib.unified_diff(before, after, f"a/{path}", f"b/{path}")
        made.append(Candidate(f"candidate {n}", f"diff --git a/{path} b/{path}\n" + "".join(lines)))
    return made


def tests_of(tree: Mapping[str, bytes], number: int) -> list[TestFile]:
    """Return so many small test files: the head of a file of the repository and one of its test functions."""
    paths = sorted(
        path for path in tree if path.rpartition("/")[2].startswith("test_") and path.endswith(".py")
    )
    found = [one for path in paths for one in _small_tests(path, tree[path].decode())]
    if len(found) < number:
        raise SystemExit(f"the task has {len(found)} test functions that stand alone")
    return found[:: len(found) // number][:number]


def _small_tests(path: str, text: str) -> Iterator[TestFile]:
    body = ast.parse(text).body
    functions = [one for one in body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")]
    head = [one for one in body if one not in functions]
    for one in functions:
        if one.args.args or one.decorator_list or "sleep" in ast.unparse(one):
            continue
        content = ast.unparse(ast.Module([*head, one], [])) + "\n"
        yield TestFile(path.replace(".py", f"_{one.name.removeprefix('test_')}.py"), content, "bench")


async def compare(options: argparse.Namespace) -> dict[str, object]:
    """Measure both ways on one scene and return the figures."""
    home, run = default_home(), f"bench-{secrets.token_hex(4)}"
    task, repository = await find_task(options.task, home, None, options.image)
    prepared = await prepare(task, repository, home)
    root = replace(prepared.root, image=prepared.root.image or options.image)
    host = open_host("docker", {LABEL: run})
    try:
        base = await prepared_base(task, root, host, Limits(output=8 << 20))
        assert isinstance(base, DockerSandbox)
        plain = await asyncio.to_thread(_output, "docker", "commit", base.container)
        tree = BaseTree(root)
        scene = Scene(
            task,
            root,
            base,
            candidates_of(tree, options.candidates),
            tests_of(tree, options.tests),
            options.parallel,
            plain,
            run,
        )
        try:
            clusters = await cluster(base, scene.candidates, parallel=options.parallel)
            await asyncio.sleep(2)  # the spares that it used up are made again
            ours = await measured(lambda: warm(scene, clusters), run)
            each = await measured(lambda: one_each(scene), f"{run}-each")
        finally:
            await asyncio.to_thread(_output, "docker", "rmi", "-f", plain)
    finally:
        await host.close()
    differing = [
        cell for cell in sorted(ours.outcomes) if ours.outcomes[cell] is not _outcome(each.outcomes, cell)
    ]
    for cell in differing:
        print(f"differs: {cell}: {ours.outcomes[cell]}, {_outcome(each.outcomes, cell)}", file=sys.stderr)
    return {
        "task": task.instance_id,
        "candidates": len(scene.candidates),
        "tests": len(scene.tests),
        "cells": (len(scene.candidates) + 2) * len(scene.tests),
        "parallel": options.parallel,
        "warm": {"seconds": round(ours.seconds, 1), "starts": ours.starts},
        "one each": {"seconds": round(each.seconds, 1), "starts": each.starts},
        "fewer starts": round(each.starts / max(1, ours.starts), 1),
        "less time": round(each.seconds / ours.seconds, 1),
        "outcomes": len(ours.outcomes),
        "passed": sum(one is Outcome.PASSED for one in ours.outcomes.values()),
        "differing": len(differing),
    }


def _outcome(outcomes: Outcomes, cell: tuple[str, str]) -> Outcome | None:
    """Return what a test did, or what became of its file where that could not be collected."""
    test, name = cell
    return outcomes.get(cell, outcomes.get((test.partition("::")[0], name)))


def main() -> int:
    """Measure, print the figures, and write them where asked."""
    options = argparse.ArgumentParser(description="The test matrix beside one container for each cell.")
    options.add_argument("--task", default="pypi/funcy__2.0-1")
    options.add_argument("--image", default="mangabey/base:bookworm")
    options.add_argument("--candidates", type=int, default=10)
    options.add_argument("--tests", type=int, default=10)
    options.add_argument("--parallel", type=int, default=2)
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    chosen = options.parse_args()
    about = machine()
    found = {"machine": about, **asyncio.run(compare(chosen))}
    print(json.dumps(found, indent=1))
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if found["differing"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
