"""A batch killed outright at random instants, resumed, and killed again."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.many import TURNS, Bench, real
from runs.journal import read_events
from runs.journal_reading import journals_in, verify


def kills(folder: Path, issues: int, count: int, seed: int, sandbox: str) -> dict[str, Any]:
    """Return what a batch that is killed so often leaves and pays; it must predict what a calm one does.

    It is begun anew, in another folder, whenever it has come to its end.
    """
    bench, dice, more = Bench(folder, issues, 0.05), random.Random(seed), real(sandbox)
    calm = bench.run(folder / "calm", 2, *more)
    (folder / "calls").unlink()
    killed: list[str] = []
    out, runs, slow = folder / "out-0", 0, 0
    while len(killed) < count:
        with subprocess.Popen(
            bench.command(out, 2, *more), env=bench.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as child:
            try:
                if child.wait(dice.uniform(0.02, 0.7) * calm):
                    raise SystemExit(f"the batch in {out} failed with exit code {child.returncode}")
                _compare(folder / "calm", out)
                runs += 1
                out = folder / f"out-{runs}"
            except subprocess.TimeoutExpired:
                below, owner = _below(child.pid), f"mangabey-{child.pid}-{_stat(child.pid)[19]}-"
                child.kill()
                killed.append(owner)
                slow += not _gone(below, 10.0)
                print(f"kill {len(killed)}, {runs} runs finished", file=sys.stderr, flush=True)
    bench.run(out, 2, *more)
    _compare(folder / "calm", out)
    needed = (runs + 1) * issues * 2 * TURNS
    return {
        "sandbox": sandbox,
        "kills": len(killed),
        "seconds_of_a_calm_run": round(calm, 1),
        "runs_finished": runs + 1,
        "predictions_differ": 0,
        "journals_unsound": 0,
        "replies_needed": needed,
        "replies_recorded_twice": 0,
        "answers_lost_to_kills": len(bench.calls()) - needed,
        "kills_with_processes_left_after_10_s": slow,
        "left_at_the_end": _left(killed),
    }


def _compare(calm: Path, out: Path) -> None:
    """End the benchmark where a batch that was killed is not what a calm one is, or pays a reply twice."""
    if _predicted(calm) != _predicted(out):
        raise SystemExit(f"the predictions in {out} differ from those in {calm}")
    for place in journals_in(out):
        found = verify(place)
        if found.problems or not found.finished:
            raise SystemExit(found.line())
        replies = Counter(
            (event.data["sample"], event.data["turn"])
            for event in read_events(place)
            if event.kind == "reply"
        )
        if len(replies) != 2 * TURNS or replies.total() != 2 * TURNS:
            raise SystemExit(f"{place} has {replies.total()} replies of {len(replies)} turns")


def _predicted(folder: Path) -> dict[str, str]:
    lines = map(json.loads, (folder / "preds.jsonl").read_text().splitlines())
    return {line["instance_id"]: line["model_patch"] for line in lines}


def _below(parent: int) -> set[tuple[int, str]]:
    """Return the processes below one, each with when it was started."""
    children: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for pid in (int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit()):
        if fields := _stat(pid):
            children[int(fields[1])].append((pid, fields[19]))
    found: set[tuple[int, str]] = set()
    waiting = [parent]
    while waiting:
        below = children[waiting.pop()]
        found |= set(below)
        waiting += [one for one, _ in below]
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields of a process from its state on; none of one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] in "ZX" else fields


def _gone(processes: set[tuple[int, str]], seconds: float) -> bool:
    """Whether processes have all ended after so long at most."""
    until = time.monotonic() + seconds
    while any(fields[19] == started for pid, started in processes if (fields := _stat(pid))):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _left(owners: Sequence[str]) -> dict[str, int]:
    """Return what processes that were killed have left on this machine."""
    mounts = Path("/proc/self/mounts").read_text()
    scratch = [one.name for one in Path(tempfile.gettempdir()).glob("mangabey-*")]
    cgroups = [name for _, names, _ in os.walk("/sys/fs/cgroup") for name in names]
    return {
        "mounts": sum(mounts.count(name) for name in owners),
        "scratch_folders": sum(one.startswith(tuple(owners)) for one in scratch),
        "control_groups": sum(one.startswith(tuple(owners)) for one in cgroups),
        "containers": _containers(tuple(owners)),
    }


def _containers(names: tuple[str, ...]) -> int:
    """Return how many containers there are with such an owner; none where no engine answers."""
    from sandbox.base import SandboxError
    from sandbox.docker.containers import OWNER
    from sandbox.docker.vessel import connect

    try:
        engine = connect()
    except SandboxError:
        return 0
    try:
        listed = engine.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True)
        return sum(one.labels[OWNER].startswith(names) for one in listed)
    finally:
        engine.close()
