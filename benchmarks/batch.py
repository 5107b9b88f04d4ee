"""What running many issues costs beside the issues: scheduling, memory, the journal, resuming, and kills.

    python -m benchmarks.batch [load] [journal] [resume] [kills] [ray] [--issues N] [--count N] [--json FILE]

`load` runs issues with a model that answers after a second and a sandbox that runs nothing, so all that
is measured is ours; ideal is the time in which as many calls at one time take as many seconds. `kills` kills
batches in real sandboxes at random instants, `--count` times in all, resumes each until it is done, and
compares it with one that was left in peace. `ray` compares issues an hour in one
process with clusters of `--nodes` nodes on this machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.kills import kills
from benchmarks.machine import machine
from benchmarks.many import NULL, TURNS, Bench


def load(folder: Path, issues: int, samples: int, at_once: int) -> dict[str, Any]:
    """Return the scheduler's overhead over ideal, and memory at every tenth of the run."""
    bench = Bench(folder, issues, 1.0)
    more = ("-c", f"parallel={samples}", "--sandboxes", str(at_once))
    warm = bench.run(folder / "warm", 1, *NULL, "-i", "issue-0000")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    with subprocess.Popen(
        bench.command(folder / "out", samples, *NULL, *more),
        env=bench.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        memory = []
        while child.poll() is None:
            memory.append(_rss(child.pid))
            time.sleep(0.5)
    seconds = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    ideal = issues * samples * TURNS / at_once
    report = json.loads((folder / "out" / "report.json").read_text())
    tenths = [memory[len(memory) * n // 10] >> 20 for n in range(1, 10)] if len(memory) > 10 else []
    return {
        "issues": issues,
        "samples": samples,
        "calls_at_once": at_once,
        "done": report["done"],
        "calls": report["spent"]["steps"],
        "seconds": round(seconds, 1),
        "ideal_seconds": round(ideal, 1),
        "overhead": round(seconds / ideal - 1, 3),
        "start_and_one_issue_seconds": round(warm, 1),
        "rss_mib_at_tenths": tenths,
        "processor_ms_a_call": round(processor * 1000 / (issues * samples * TURNS), 2),
    }


def journal(folder: Path, events: int) -> dict[str, Any]:
    """Return the seconds that opening a journal of so many events takes."""
    from runs.journal import Journal

    folder.mkdir(parents=True, exist_ok=True)
    reply = {"text": "x" * 100, "tool_calls": [{"id": "c", "name": "bash", "arguments": {"command": "ls"}}]}
    with (folder / "journal.jsonl").open("w") as file:
        for seq in range(events):
            data: dict[str, Any] = {"sample": seq % 8, "turn": seq // 16}
            data |= {"reply": reply} if seq % 2 else {"index": 0, "observation": {"text": "y" * 100}}
            kind = "reply" if seq % 2 else "observation"
            record = {"v": 1, "seq": seq, "at": "2026-01-01T00:00:00.000+00:00", "kind": kind, "data": data}
            file.write(json.dumps(record, separators=(",", ":")) + "\n")
    taken = []
    for _ in range(5):
        began, used = time.perf_counter(), time.process_time()
        with Journal(folder) as opened:
            assert len(opened.events) == events
        taken.append((time.perf_counter() - began, time.process_time() - used))
        del opened
    size = (folder / "journal.jsonl").stat().st_size
    wall, processor = min(one for one, _ in taken), min(one for _, one in taken)
    return {"events": events, "mb": size / 1e6, "seconds": round(wall, 3), "processor": round(processor, 3)}


def resume(folder: Path, issues: int) -> list[dict[str, Any]]:
    """Return the seconds until a batch that goes on begins its first issue, by how many are done."""
    bench = Bench(folder, issues, 0.0)
    bench.run(folder / "out", 1, *NULL, "--sandboxes", "8")
    found = []
    for done in (0, issues // 4, issues // 2, issues):
        part = folder / f"done-{done}"
        shutil.copytree(folder / "out", part)
        for place in sorted(part.glob("issue-*"))[done:]:
            shutil.rmtree(place)
        seconds = bench.run(part, 1, *NULL, "-i", f"issue-{max(done - 1, 0):04}")
        whole = bench.run(part, 1, *NULL, "--slice", f"0:{max(done, 1)}")
        found.append({"done": done, "seconds_one": round(seconds, 2), "seconds_all_done": round(whole, 2)})
    return found


def _rss(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def clusters(folder: Path, issues: int, sizes: Sequence[int]) -> list[dict[str, Any]]:
    """Return issues an hour in one process, and on clusters of so many nodes on this machine."""
    from ray.cluster_utils import Cluster

    bench = Bench(folder, issues, 1.0)
    common = (*NULL, "-c", "parallel=4", "--sandboxes", "8", "--parallel", "64")
    os.environ.update({key: bench.env[key] for key in ("ISSUES", "LATENCY", "REPOSITORY", "CALLS")})
    os.environ["MANGABEY_HOME"] = bench.env["MANGABEY_HOME"]
    seconds = bench.run(folder / "local", 4, *NULL, "-c", "parallel=4", "--sandboxes", "8")
    found = [{"executor": "local", "seconds": round(seconds, 1), "issues_an_hour": issues / seconds * 3600}]
    for nodes in sizes:
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        for _ in range(nodes):
            cluster.add_node(num_cpus=2, resources={"sandboxes": 8})
        cluster.wait_for_nodes()
        where = ("--executor", "ray", "--address", cluster.address)
        seconds = bench.run(folder / f"ray-{nodes}", 4, *common, *where)
        name = f"ray, {nodes} nodes of 8 sandboxes"
        found.append(
            {"executor": name, "seconds": round(seconds, 1), "issues_an_hour": issues / seconds * 3600}
        )
        cluster.shutdown()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["load", "journal", "resume", "kills"])
    parser.add_argument("--issues", type=int, default=200)
    parser.add_argument("--samples", type=int, default=8)
    parser.add_argument("--at-once", type=int, default=64, help="model calls at one time, for load")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--count", type=int, default=100, help="kills")
    parser.add_argument("--kill-issues", type=int, default=3, help="issues of a batch that is killed")
    parser.add_argument("--sandbox", default="daemonless", help="of batches that are killed: or docker")
    parser.add_argument("--nodes", default="2,4", help="sizes of the clusters, for ray")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    figures: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in options.parts:
            place = folder / part
            place.mkdir()
            match part:
                case "load":
                    figures[part] = load(place, options.issues, options.samples, options.at_once)
                case "journal":
                    figures[part] = journal(place, options.events)
                case "resume":
                    figures[part] = resume(place, options.issues)
                case "kills":
                    figures[part] = kills(
                        place, options.kill_issues, options.count, options.seed, options.sandbox
                    )
                case "ray":
                    figures[part] = clusters(
                        place, options.issues, [int(one) for one in options.nodes.split(",")]
                    )
            print(json.dumps({part: figures[part]}, indent=1), flush=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
