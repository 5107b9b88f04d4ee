"""What a model call costs beside the model: added latency, many streams at once, import time.

    python -m benchmarks.models [--calls N] [--streams N] [--pieces N] [--json FILE]
    python -m benchmarks.models --prefix MODEL [--samples N] [--steps N] [--recipe NAME]

Calls go to a stub server in a process of its own that streams one reply, through our clients, bare and with
all that stands around each call (`Caller`), and through bare httpx, which sends the same request and reads
the stream to its end without looking into it, in turns so that a busy moment hits all alike. The many streams
of each client run in a process of their own.

`--prefix` measures something else instead: what share of an issue's prompts a server has in its prefix cache.
MODEL is a backend's name or `stub`; see `benchmarks.prefix`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from agent.messages import Message, Sampling
from agent.models.base import Capabilities, Model
from agent.models.caller import Caller
from agent.models.chat import Deadlines, chat_request
from agent.models.compatible import CompatibleModel
from agent.models.litellm import LiteLLMModel
from agent.models.vllm import VllmModel
from benchmarks.machine import machine
from benchmarks.memory import forget_peak, peak_rss, rss
from benchmarks.prefix import Shares, prefix_shares, share

BARE = "bare httpx"
MESSAGES = (Message(role="system", content="You repair code. " * 200), Message(role="user", content="Go on."))
DECLARED = Capabilities(tools=True, context_length=131_072)
IMPORTS = {
    "mangabey --version": "",
    "the same and `vllm/...` loaded": "load_model('vllm/x')",
    "the same and its first call": "load_model('vllm/x'); import openai",
    "the same and `litellm/...` loaded": "load_model('litellm/openai/x')",
}
PATIENT = Deadlines(connect=300, first_token=600, idle=300)
"""On a busy machine 500 connections at one time take longer than a user would wait."""
CALLED = ", in Caller"
SIDES = (("compatible", f"compatible{CALLED}", "vllm", f"vllm{CALLED}"), ("litellm",))
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
    parser.add_argument("--prefix", metavar="MODEL", default="", help="measure the prefix cache instead")
    parser.add_argument("--samples", type=int, default=8, help="trajectories for --prefix")
    parser.add_argument("--steps", type=int, default=12, help="replies a trajectory may have, for --prefix")
    parser.add_argument("--recipe", default="", help="the recipe for --prefix, by name")
    options = parser.parse_args()
    if options.prefix:
        found = asyncio.run(prefix_shares(options.prefix, options.samples, options.steps, options.recipe))
        show_shares(options.prefix, found)
        return
    with stub(options.pieces, 0.0) as address:
        calls = [asyncio.run(latencies(address, options.calls, side)) for side in SIDES]
    with stub(options.pieces, 2.0 / options.pieces) as address:
        names = (BARE, *(name for side in SIDES for name in side))
        streams = {name: apart(address, name, options.streams) for name in names}
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
    compatible = CompatibleModel(f"x@{address}", declared=DECLARED, deadlines=PATIENT)
    vllm = VllmModel(f"x@{address}", declared=DECLARED, deadlines=PATIENT)
    litellm: list[LiteLLMModel] = []

    async def through_litellm() -> None:
        if not litellm:
            litellm.append(LiteLLMModel("openai/x", PATIENT))
            import litellm as package

            package.api_base, package.api_key = address, "none"
        await litellm[0].generate(MESSAGES, (), Sampling())

    models: dict[str, Model] = {"compatible": compatible, "vllm": vllm}
    models |= {f"{name}{CALLED}": Caller(model) for name, model in models.items()}
    async with httpx.AsyncClient(timeout=600, limits=limits) as client:

        async def bare() -> None:
            async with client.stream("POST", f"{address}/chat/completions", json=body) as response:
                async for _ in response.aiter_bytes():
                    pass

        calls = {name: partial(model.generate, MESSAGES, (), Sampling()) for name, model in models.items()}
        yield {BARE: bare, **calls, "litellm": through_litellm}
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


def apart(address: str, name: str, count: int) -> dict[str, float]:
    """Return what so many streams of a client at one time take, in a fresh process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(crowd, address, name, count).result()


def crowd(address: str, name: str, count: int) -> dict[str, float]:
    """Return what so many streams at one time take in this process."""
    return asyncio.run(_crowd(address, name, count))


async def _crowd(address: str, name: str, count: int) -> dict[str, float]:
    async with clients(address) as known:
        call = known[name]
        await call()
        forget_peak()
        before, began = rss(), time.perf_counter()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_once(call)) for _ in range(count)]
        seconds, peak = time.perf_counter() - began, peak_rss()
        return {
            "calls_per_second": count / seconds,
            "slowest_seconds": max(task.result() for task in tasks),
            "peak_mib": peak / 2**20,
            "kib_a_stream": (peak - before) / 1024 / count,
        }


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
    at_once = ("calls/s", "slowest s", "peak MiB", "KiB a stream at the peak")
    many = Table("client", *at_once, title=f"{streams} streams at one time")
    for name, found in figures.streams.items():
        many.add_row(name, *(f"{value:.1f}" for value in found.values()))
    loading = Table("process", "median ms", "best ms", title="import")
    for name, times in figures.imports.items():
        loading.add_row(name, f"{statistics.median(times):.0f}", f"{min(times):.0f}")
    for table in (calls, many, loading):
        Console().print(table)


def show_shares(model: str, found: Shares) -> None:
    """Print what share of the prompts was cached."""
    title = f"{model}: {found.trajectories} trajectories, {found.replies} replies"
    table = Table("turns", "prompt tokens", "cached", "share", title=title)
    for name, usage in (("first", found.first), ("later", found.later), ("all", found.all)):
        table.add_row(name, f"{usage.input:,}", f"{usage.cached_input:,}", f"{share(usage):.0%}")
    Console().print(table)


def _summary(taken: Taken) -> tuple[float, float, float]:
    """Return median and 95th percentile on the clock, and the median of processor time."""
    high = statistics.quantiles(taken.wall, n=20)[-1]
    return statistics.median(taken.wall), high, statistics.median(taken.processor)


if __name__ == "__main__":
    main()
