"""Seconds of a grade beside the official harness, on the same images, and its verdict beside ours.

    python -m benchmarks.official_harness --rows ROWS.jsonl --out OUT INSTANCE...

For each instance the image that Mangabey builds is given the repository, as published images have it, and the
reference patch is graded by `python -m swebench.harness.run_evaluation` and by us, one after the other. With
`--patch FILE` another patch is graded. The reference patch comes from the rows.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.grading import LIMITS
from benchmarks.swebench_rows import write_rows
from envs.grading import grade
from envs.images import PATH
from envs.prepare import Prepared, prepare
from envs.sources import open_source
from envs.swebench.commands import log_parser
from envs.task import Task
from sandbox.docker.layering import Layer, running
from sandbox.docker.vessel import connect
from sandbox.hosts import open_host

IMAGE = "mangabey/official"


def make_image(task: Task, prepared: Prepared) -> str:
    """Return the name of an image that holds the repository at the base, its edits uncommitted."""
    engine = connect()
    try:
        name, workdir = f"{IMAGE}:{task.instance_id.lower()}", task.environment.workdir
        assert prepared.grading.image is not None
        with running(engine, prepared.grading.image, Layer("")) as container:
            packed = io.BytesIO()
            with tarfile.open(fileobj=packed, mode="w") as archive:
                archive.add(str(prepared.root.tree), workdir.lstrip("/"), filter=_roots)
            container.put_archive("/", packed.getvalue())
            done = container.exec_run(["git", "reset", "-q", "--soft", task.base_commit], workdir=workdir)
            done = container.exec_run(["git", "reset", "-q"], workdir=workdir)
            assert done.exit_code in {0, 1}, done.output
            # an entry point that runs what it is given, whatever the image below starts with
            container.commit(*name.split(":"), changes=['ENTRYPOINT ["/usr/bin/env"]', 'CMD ["true"]'])
        return name
    finally:
        engine.close()


def _roots(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def instance_of(row: Mapping[str, Any], image: str, version: str) -> dict[str, Any]:
    """Return a row in the schema of harness 5, with the script that its authors would have written."""
    install = [one for one in (row["pre_install"], row["install"]) if one and one != "true"]
    files = " ".join(row["test_files"])
    script = [
        "#!/bin/bash",
        "set -uxo pipefail",
        f"export PATH={PATH} SETUPTOOLS_SCM_PRETEND_VERSION={version}",
        "git config --global --add safe.directory /testbed",
        "cd /testbed",
        *install[-1:],
        f"git checkout {row['base_commit']} {files}",
        "git apply -v - <<'EOF_114329324912'",
        row["test_patch"].rstrip("\n"),
        "EOF_114329324912",
        row["environment"],
        ": '>>>>> Start Test Output'",
        row["test_command"],
        ": '>>>>> End Test Output'",
        f"git checkout {row['base_commit']} {files}",
    ]
    parser = log_parser(row["repo"])
    return dict(row) | {
        "image": image,
        "eval_script": "\n".join(script) + "\n",
        "log_parser": parser,
        "eval_type": "pass_and_fail",
    }


def official(instance: Mapping[str, Any], patch: str, folder: Path) -> tuple[bool, float]:
    """Return the harness's verdict and its wall time."""
    folder.mkdir(parents=True, exist_ok=True)
    name = instance["instance_id"]
    (folder / "rows.json").write_text(json.dumps([instance]))
    prediction = {"instance_id": name, "model_name_or_path": "patch", "model_patch": patch}
    (folder / "preds.json").write_text(json.dumps([prediction]))
    run = f"r{time.time_ns()}"
    options = [
        "--dataset_name",
        "rows.json",
        "--split",
        "test",
        "--predictions_path",
        "preds.json",
        "--run_id",
        run,
    ]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "swebench.harness.run_evaluation", *options],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    took = time.monotonic() - began
    found = folder / "logs" / "run_evaluation" / run / "patch" / name / "report.json"
    if not found.exists():
        print(done.stdout[-1500:], done.stderr[-1500:])
        return False, took
    return bool(json.loads(found.read_text())[name]["resolved"]), took


async def compare(options: argparse.Namespace) -> None:
    """Grade each instance by both and print a line."""
    rows_file = write_rows(options.rows, options.out / "rows.jsonl")
    rows = {row["instance_id"]: row for row in map(json.loads, rows_file.read_text().splitlines())}
    source = open_source(str(rows_file))
    print(
        "| instance | official | ours | official s | ours s | ratio |\n| --- | --- | --- | --- | --- | --- |"
    )
    for name in options.instances:
        task, repository = await source.load(name, options.home)
        prepared = await prepare(task, repository, options.home)
        patch = options.patch.read_text() if options.patch else rows[name]["patch"]
        version = prepared.root.env["SETUPTOOLS_SCM_PRETEND_VERSION"]
        instance = instance_of(rows[name], make_image(task, prepared), version)
        theirs, their_seconds = official(instance, patch, options.out / name)
        began = time.monotonic()
        host = open_host("docker")
        ours = await grade(task, prepared, host, patch, limits=LIMITS)
        our_seconds = time.monotonic() - began
        await host.close()
        ratio = our_seconds / their_seconds
        print(
            f"| {name} | {theirs} | {ours.status} | {their_seconds:.1f} | {our_seconds:.1f} | {ratio:.2f} |",
            flush=True,
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--home", type=Path, default=Path(".mangabey"))
    parser.add_argument("--patch", type=Path)
    parser.add_argument("instances", nargs="+")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    asyncio.run(compare(options))


if __name__ == "__main__":
    main()
