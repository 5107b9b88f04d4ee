"""What a model call costs beside the model: added latency, many streams at once, import time.

    python -m benchmarks.models [--calls N] [--streams N] [--pieces N] [--json FILE]

Calls go to a stub server in a process of its own that streams one reply, through our clients and through bare
httpx, which sends the same request and reads the stream to its end without looking into it, in turns so that
a busy moment hits all alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from agent.messages import Message, Sampling
from agent.models.base import Capabilities
from agent.models.chat import chat_request
from agent.models.compatible import CompatibleModel
from agent.models.litellm import LiteLLMModel
from agent.models.vllm import VllmModel
from benchmarks.machine import machine
from benchmarks.memory import tree_rss

BARE = "bare httpx"
MESSAGES = (Message(role="system", content="You repair code. " * 200), Message(role="user", content="Go on."))
DECLARED = Capabilities(tools=True)
IMPORTS = {
    "mangabey --version": "",
    "the same and `vllm/...` loaded": "load_model('vllm/x')",
    "the same and its first call": "load_model('vllm/x'); import openai",
    "the same and `litellm/...` loaded": "load_model('litellm/openai/x')",
}
SIDES = (("compatible", "vllm"), ("litellm",))
"""Clients that take turns with bare httpx; LiteLLM works on after a call, which others would pay."""

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Taken:
    """Milliseconds of calls of one client: on the clock, and of this process's processor time."""

    wall: list[float]
    processor: list[float]


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured: calls of clients that took turns, the many streams, and imports."""

    calls: list[dict[str, Taken]]
    streams: dict[str, dict[str, float]]
    imports: dict[str, list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=300, help="timed calls of each client")
    parser.add_argument("--streams", type=int, default=500, help="streams at one time")
    parser.add_argument("--pieces", type=int, default=32, help="parts of each reply")
    parser.add_argument("--runs", type=int, default=7, help="timed imports of each backend")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with stub(options.pieces, 0.0) as address:
        calls = [asyncio.run(latencies(address, options.calls, side)) for side in SIDES]
    with stub(options.pieces, 2.0 / options.pieces) as address:
        streams = asyncio.run(crowds(address, options.streams))
    figures = Figures(calls, streams, imports(options.runs))
    show(figures, options.streams)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), **asdict(figures)}, indent=1) + "\n")


@contextmanager
def stub(pieces: int, pause: float) -> Iterator[str]:
    """Run the stub server for the length of a block; give its address."""
    words = ["-m", "agent.models.stub", "--pieces", str(pieces), "--pause", str(pause)]
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@asynccontextmanager
async def clients(address: str) -> AsyncIterator[dict[str, Call]]:
    """Give what calls the server once, by the name of the client."""
    body = chat_request("x", MESSAGES, (), Sampling(), DECLARED)
    limits = httpx.Limits(max_connections=1024, max_keepalive_connections=512)
    litellm = LiteLLMModel("openai/x")
    import litellm as package

    package.api_base, package.api_key = address, "none"
    compatible = CompatibleModel(f"x@{address}", declared=DECLARED)
    vllm = VllmModel(f"x@{address}", declared=DECLARED)
    async with httpx.AsyncClient(timeout=60, limits=limits) as client:

        async def bare() -> None:
            async with client.stream("POST", f"{address}/chat/completions", json=body) as response:
                async for _ in response.aiter_bytes():
                    pass

        yield {
            BARE: bare,
            "compatible": lambda: compatible.generate(MESSAGES, (), Sampling()),
            "vllm": lambda: vllm.generate(MESSAGES, (), Sampling()),
            "litellm": lambda: litellm.generate(MESSAGES, (), Sampling()),
        }
    await compatible.close()
    await vllm.close()


async def latencies(address: str, count: int, side: tuple[str, ...]) -> dict[str, Taken]:
    """Return what each call took, by client."""
    async with clients(address) as known:
        taken = {name: Taken([], []) for name in (BARE, *side)}
        for number in range(count + 20):
            for name in taken:
                began, used = time.perf_counter(), time.process_time()
                await known[name]()
                if number >= 20:  # the first open connections and import
                    taken[name].wall.append((time.perf_counter() - began) * 1000)
                    taken[name].processor.append((time.process_time() - used) * 1000)
        return taken


async def crowds(address: str, count: int) -> dict[str, dict[str, float]]:
    """Return what so many streams at one time take, by client."""
    async with clients(address) as known:
        figures: dict[str, dict[str, float]] = {}
        for name, call in known.items():
            await call()
            before, began = tree_rss(os.getpid()), time.perf_counter()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_once(call)) for _ in range(count)]
                await asyncio.sleep(1.0)
                during = tree_rss(os.getpid())
            seconds = time.perf_counter() - began
            each = sorted(task.result() for task in tasks)
            figures[name] = {
                "calls_per_second": count / seconds,
                "slowest_seconds": each[-1],
                "kib_a_stream": (during - before) / 1024 / count,
            }
        return figures


async def _once(call: Call) -> float:
    began = time.perf_counter()
    await call()
    return time.perf_counter() - began


def imports(runs: int) -> dict[str, list[float]]:
    """Return the wall milliseconds of whole processes: the command line, and then a backend loaded in it."""
    taken: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(runs):
        for name, more in IMPORTS.items():
            code = "from runs.cli import run; run(['--version'])"
            if more:
                code += f"; from agent.models import load_model; {more}"
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
            taken[name].append((time.perf_counter() - began) * 1000)
    return taken


def show(figures: Figures, streams: int) -> None:
    """Print the figures as tables."""
    columns = ("median ms", "p95 ms", "added median", "added p95", "processor ms", "added processor")
    calls = Table("client", *columns, title="one call at a time, in turns")
    for side in figures.calls:
        base = _summary(side[BARE])
        for name, taken in side.items():
            own = _summary(taken)
            added = [one - other for one, other in zip(own, base, strict=True)]
            row = (own[0], own[1], added[0], added[1], own[2], added[2])
            calls.add_row(name, *(f"{value:.2f}" for value in row))
        calls.add_section()
    crowd = Table("client", "calls/s", "slowest s", "KiB a stream", title=f"{streams} streams at one time")
    for name, found in figures.streams.items():
        crowd.add_row(name, *(f"{value:.1f}" for value in found.values()))
    loading = Table("process", "median ms", "best ms", title="import")
    for name, times in figures.imports.items():
        loading.add_row(name, f"{statistics.median(times):.0f}", f"{min(times):.0f}")
    for table in (calls, crowd, loading):
        Console().print(table)


def _summary(taken: Taken) -> tuple[float, float, float]:
    """Return median and 95th percentile on the clock, and the median of processor time."""
    high = statistics.quantiles(taken.wall, n=20)[-1]
    return statistics.median(taken.wall), high, statistics.median(taken.processor)


if __name__ == "__main__":
    main()
