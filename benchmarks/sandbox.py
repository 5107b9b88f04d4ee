"""How long sandboxes take: start, commands, snapshot, fork, thirty-two at once.

    python -m benchmarks.sandbox [--kinds daemonless,docker] [--rounds 50] [--image IMAGE] [--json FILE]
                                 [--mini PYTHON] [--rex PYTHON --rex-image IMAGE]

Beside Docker: the engine's own command line, mini-swe-agent and SWE-ReX, the last two where the Python of a
virtual environment that has them is named.

The prepared repository has 100 MB in 1000 files. `floor` is the same command started on the host without any
sandbox. Figures on a busy machine say little: the load is printed beside them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine
from sandbox.base import Root, Sandbox, SandboxError, SandboxHost
from sandbox.hosts import open_host

Figures = dict[str, dict[str, float]]
FILES, FILE_SIZE = 1000, 100_000


async def measure(kind: str, root: Root, rounds: int) -> Figures:
    """Return median and 95th percentile, in milliseconds, of each operation."""
    host = open_host(kind)
    few = rounds if kind == "daemonless" else max(5, rounds // 5)
    try:
        await (await host.start(root)).close()
        prepared = await host.start(root)
        await prepared.exec("mkdir build; seq 1000 > build/made")
        frozen = await prepared.snapshot()
        fork = await prepared.fork()
        full = await prepared.fork()
        await full.exec("seq 1000000 > build/made; head -c 1000000 build/made > part")
        found = {
            "start, one after the other, to the first answer": await _boxes(host, root, few),
            "start, a second after the last, to the first answer": await _boxes(host, root, few, rest=1.0),
            "start from a snapshot": await _boxes(host, frozen, few),
            "command ['true']": await _timed(rounds, lambda: fork.exec(["true"])),
            "command ['true'], 50 ms after the last": await _timed(
                rounds, lambda: fork.exec(["true"]), rest=0.05
            ),
            "command 'echo x' (by a shell)": await _timed(rounds, lambda: fork.exec("echo x")),
            "command that prints 10 MB": await _timed(3, lambda: fork.exec("yes | head -c 10000000")),
            "read a file of 1 MB": await _timed(few, lambda: full.read("part")),
            "snapshot after a change": await _timed(max(3, few // 5), lambda: _changed_snapshot(fork)),
            "fork after a change, one after the other": await _boxes_by(
                max(3, few // 2), lambda: _changed_fork(fork)
            ),
            "fork after a change, a second after the last": await _boxes_by(
                max(3, few // 2), lambda: _changed_fork(fork), rest=1.0
            ),
            "fork after 7 MB of changes, a second after the last": await _boxes_by(
                max(3, few // 2), lambda: _changed_fork(full), rest=1.0
            ),
            "restore": await _timed(max(3, few // 2), lambda: fork.restore(frozen), rest=0.5),
            "diff": await _timed(3, fork.diff),
            "32 starts at once": await _timed(1, lambda: _many(host, frozen)),
        }
    finally:
        await host.close()
    return found


async def floor(rounds: int) -> Figures:
    """Return what a process costs here without any sandbox."""

    async def spawn(*command: str) -> None:
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
        await process.wait()

    return {
        "command ['true']": await _timed(rounds, lambda: spawn("true")),
        "command 'echo x' (by a shell)": await _timed(rounds, lambda: spawn("bash", "-c", "echo x")),
    }


async def _timed(rounds: int, action: Callable[[], Awaitable[object]], rest: float = 0.0) -> dict[str, float]:
    times = []
    for _ in range(rounds):
        await asyncio.sleep(rest)
        began = time.perf_counter()
        await action()
        times.append((time.perf_counter() - began) * 1000)
    return _summary(times)


async def _boxes_by(
    rounds: int, make: Callable[[], Awaitable[Sandbox]], rest: float = 0.0
) -> dict[str, float]:
    times = []
    for _ in range(rounds):
        await asyncio.sleep(rest)
        began = time.perf_counter()
        box = await make()
        await box.exec(["true"])
        times.append((time.perf_counter() - began) * 1000)
        await box.close()
    return _summary(times)


async def _boxes(host: SandboxHost, origin: object, rounds: int, rest: float = 0.0) -> dict[str, float]:
    return await _boxes_by(rounds, lambda: host.start(origin), rest)  # type: ignore[arg-type]


def peers(options: argparse.Namespace) -> dict[str, Figures]:
    """Return what is measured of others, by their names."""
    from benchmarks.peers import docker_command_line, mini_swe_agent, swe_rex

    wanted: dict[str, Callable[[], dict[str, list[float]]]] = {}
    if "docker" in options.kinds:
        wanted["docker CLI"] = lambda: docker_command_line(options.image, options.rounds)
    if options.mini:
        wanted["mini-swe-agent"] = lambda: mini_swe_agent(options.mini, options.image, options.rounds)
    if options.rex:
        wanted["SWE-ReX"] = lambda: swe_rex(options.rex, options.rex_image, options.rounds)
    found = {}
    for peer, run in wanted.items():
        try:
            found[peer] = run()
        except (subprocess.SubprocessError, OSError) as error:
            print(f"{peer} is left out: {str(error)[:100]}", file=sys.stderr)
    names = {
        "start": "start, a second after the last, to the first answer",
        "command": "command ['true']",
        "session": "command 'echo x' (by a shell)",
    }
    return {
        peer: {names[what]: _summary(times) for what, times in figures.items()}
        for peer, figures in found.items()
    }


async def _changed_snapshot(box: Sandbox) -> None:
    await box.write("changed", os.urandom(16))
    await box.snapshot()


async def _changed_fork(box: Sandbox) -> Sandbox:
    await box.write("changed", os.urandom(16))
    return await box.fork()


async def _many(host: SandboxHost, origin: object) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(32):
            group.create_task(_boxes(host, origin, 1))


def _summary(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "median": round(ordered[len(ordered) // 2], 2),
        "p95": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 2),
        "rounds": len(ordered),
    }


def _repository(folder: Path, image: str) -> Root:
    tree = folder / "tree"
    tree.mkdir()
    for number in range(FILES):
        path = tree / f"part{number % 20}" / f"file{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((b"%d\n" % number) * (FILE_SIZE // len(b"%d\n" % number)))
    who = ["-c", "user.name=b", "-c", "user.email=b@example.org", "-c", "gc.auto=0"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "base"]):
        subprocess.run(["git", "-C", tree, *command], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", tree, folder / "base.git"], check=True)
    commit = subprocess.check_output(["git", "-C", tree, "rev-parse", "HEAD"], text=True).strip()
    return Root(tree, folder / "base.git", commit, image=image)


def main() -> int:
    """Measure, print a table, and write the figures where asked."""
    options = argparse.ArgumentParser(description="Times of the sandboxes.")
    options.add_argument("--kinds", default="daemonless", help="comma-separated: daemonless, docker")
    options.add_argument("--rounds", type=int, default=50)
    options.add_argument("--image", default="mangabey/base:bookworm", help="for docker")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    options.add_argument("--mini", help="a Python that has mini-swe-agent")
    options.add_argument("--rex", help="a Python that has SWE-ReX")
    options.add_argument("--rex-image", help="an image that has swerex-remote")
    chosen = options.parse_args()
    about = machine()
    found = {"floor": asyncio.run(floor(chosen.rounds))}
    with tempfile.TemporaryDirectory() as folder:
        root = _repository(Path(folder), chosen.image)
        for kind in chosen.kinds.split(","):
            try:
                origin = root if kind == "docker" else replace(root, image=None)
                found[kind] = asyncio.run(measure(kind, origin, chosen.rounds))
            except SandboxError as error:
                print(f"{kind}: {error}", file=sys.stderr)
    found |= peers(chosen)
    table = Table(
        "operation", *found, title=f"sandbox times, ms: median (95th percentile); load {about['load']}"
    )
    for operation in dict.fromkeys(name for figures in found.values() for name in figures):
        cells = (figures.get(operation) for figures in found.values())
        table.add_row(operation, *(f"{cell['median']} ({cell['p95']})" if cell else "" for cell in cells))
    Console().print(table)
    if chosen.json:
        chosen.json.write_text(json.dumps({"machine": about, "milliseconds": found}, indent=2) + "\n")
    return 0 if len(found) > 1 else 1


if __name__ == "__main__":
    raise SystemExit(main())
