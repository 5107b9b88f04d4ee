"""What the loop around a model costs: time of a step, shared prefixes, many trajectories at one time.

    python -m benchmarks.agents [--steps 100] [--mini PYTHON] [--image IMAGE] [--many 200] [--turns 30]

A step is a scripted reply with one call of `true`, from the request for one reply to the request for the
next; the journal is written, with fsync, as in a run. mini-swe-agent does the same in Docker on the same
image, in its own virtual environment and without writing its trajectory.

Many trajectories wait a second for each reply, as for a model; each has a sandbox and ends with its diff.
Their ideal is the seconds of waiting alone. They run in sandboxes that run nothing, which leaves what the
loop costs, and in daemonless ones, where the processors run the commands as well.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from agent.assignment import Assignment
from agent.budget import Budget
from agent.kinds import run_agent
from agent.messages import Message, Reply, Sampling, ToolCall, ToolSpec
from agent.models.base import Capabilities
from agent.tape import MemoryTape, Tape
from benchmarks.machine import machine
from benchmarks.memory import own_memory, shared_memory
from benchmarks.peers import mini_swe_agent_steps
from benchmarks.prefixes import Prefixes, prefixes
from envs.task import PublicTask
from runs.journal import Journal
from runs.tape import JournalTape
from sandbox.base import Root, Sandbox
from sandbox.forks import forked
from sandbox.hosts import open_host

CALL = "true"
CROWDED = ("benchmarks.null_sandbox:NullHost", "daemonless")


class Scripted:
    """Calls `true` until its turns are over and then submits; waits before each reply.

    Attributes:
        asked: the clock at each request.
    """

    name = "scripted"
    capabilities = Capabilities(tools=True)

    def __init__(self, turns: int, seconds: float = 0.0) -> None:
        self._turns = turns
        self._seconds = seconds
        self.asked: list[float] = []

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], sampling: Sampling
    ) -> Reply:
        """Return the next reply."""
        turn = sum(message.role == "assistant" for message in messages)
        self.asked.append(time.perf_counter())
        if self._seconds:
            await asyncio.sleep(self._seconds)
        last = turn + 1 >= self._turns
        arguments = {} if last else {"command": CALL}
        call = ToolCall(id=f"c{turn}", name="submit" if last else "bash", arguments=arguments)
        return Reply(text=f"step {turn}", tool_calls=(call,))


async def step_milliseconds(sandbox: Sandbox, tape: Tape, steps: int) -> list[float]:
    """Return the time of each step of one trajectory."""
    model = Scripted(steps + 1)
    await run_agent(_assignment(sandbox, model, tape, 0, steps + 1))
    return [1000 * (after - before) for before, after in zip(model.asked, model.asked[1:], strict=False)]


async def steps_of(kind: str, root: Root, steps: int) -> dict[str, list[float]]:
    """Return milliseconds of steps with a tape in memory and with a journal."""
    host = open_host(kind)
    try:
        base = await host.start(root)
        with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as journal:
            return {
                "tape in memory": await step_milliseconds(base, MemoryTape(), steps),
                "journal": await step_milliseconds(base, JournalTape(journal, 0), steps),
            }
    finally:
        await host.close()


async def many(kind: str, root: Root, count: int, turns: int) -> dict[str, float]:
    """Return wall time against the ideal of trajectories at one time, and MiB of each late in its course."""
    host = open_host(kind)
    try:
        base = await host.start(root)
        with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal") as journal:
            before = own_memory(), shared_memory(os.getpid())
            began, processor = time.perf_counter(), os.times()
            async with asyncio.TaskGroup() as group:
                for sample in range(count):
                    group.create_task(_one(base, journal, sample, turns))
                await asyncio.sleep(0.8 * turns)
                memory = own_memory(), shared_memory(os.getpid())
            wall = time.perf_counter() - began
            used = os.times()
    finally:
        await host.close()
    own = (used.user + used.system) - (processor.user + processor.system)
    return {
        "wall_s": wall,
        "ideal_s": float(turns),
        "ratio": wall / turns,
        "own_cpu_s": own,
        "mib_each": (memory[0] - before[0]) / count / 2**20,
        "mib_each_with_sandbox": (memory[1] - before[1]) / count / 2**20,
    }


async def shared_prefixes(root: Root) -> list[Prefixes]:
    """Return how much of their prompts the kinds share."""
    host = open_host("daemonless")
    try:
        return await prefixes(await host.start(root))
    finally:
        await host.close()


async def _one(base: Sandbox, journal: Journal, sample: int, turns: int) -> None:
    async with forked(base) as sandbox:
        given = _assignment(sandbox, Scripted(turns, 1.0), JournalTape(journal, sample), sample, turns)
        done = await run_agent(given)
    assert done.exit_reason == "submitted", done.message


def _assignment(sandbox: Sandbox, model: Scripted, tape: Tape, sample: int, turns: int) -> Assignment:
    task = PublicTask("bench-1", "bench", "", "Nothing is wrong.", sandbox.workdir, "python -m pytest")
    budget = Budget(steps=turns, seconds=3600)
    return Assignment(task, sandbox, model, tape, budget=budget, sampling=Sampling(sample=sample))


def _repository(folder: Path) -> Root:
    tree = folder / "tree"
    for number in range(50):
        path = tree / f"part{number % 5}" / f"file{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"def f{number}():\n    return {number}\n" * 20)
    who = ["-c", "user.name=b", "-c", "user.email=b@example.org", "-c", "gc.auto=0"]
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "base"]):
        subprocess.run(["git", "-C", tree, *command], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", tree, folder / "base.git"], check=True)
    commit = subprocess.check_output(["git", "-C", tree, "rev-parse", "HEAD"], text=True).strip()
    return Root(tree, folder / "base.git", commit)


def _show(
    steps: dict[str, list[float]], shared: Sequence[Prefixes], crowds: dict[str, dict[str, float]]
) -> None:
    table = Table("step, milliseconds", "median", "95th percentile")
    for name, times in steps.items():
        high = statistics.quantiles(times, n=20)[-1]
        table.add_row(name, f"{statistics.median(times):.1f}", f"{high:.1f}")
    prompts = Table(
        "kind", "first prompt, tokens", "shared by samples", "by kinds", "sent before, over a talk"
    )
    for one in shared:
        prompts.add_row(
            one.kind, str(one.tokens), f"{one.samples:.2f}", f"{one.kinds:.2f}", f"{one.before:.2f}"
        )
    console = Console(width=110)
    console.print(machine())
    for shown in (table, prompts):
        console.print(shown)
    for kind, crowd in crowds.items():
        console.print(kind, {name: round(value, 2) for name, value in crowd.items()})


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--steps", type=int, default=100)
    options.add_argument("--kinds", default="daemonless", help="comma-separated: daemonless, docker")
    options.add_argument("--image", default="mangabey/base:bookworm", help="for docker")
    options.add_argument("--mini", help="a Python that has mini-swe-agent")
    options.add_argument("--many", type=int, default=200, help="trajectories at one time; 0 for none")
    options.add_argument("--turns", type=int, default=30, help="replies of each of them")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    given = options.parse_args()
    print(machine(), file=sys.stderr)
    steps: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = _repository(Path(folder))
        for kind in given.kinds.split(","):
            made = root if kind == "daemonless" else replace(root, image=given.image)
            found = asyncio.run(steps_of(kind, made, given.steps))
            steps |= {f"{kind}, {name}": times for name, times in found.items()}
        if given.mini:
            steps["mini-swe-agent, Docker"] = mini_swe_agent_steps(given.mini, given.image, given.steps)
        shared = asyncio.run(shared_prefixes(root))
        crowds = {
            kind: asyncio.run(many(kind, root, given.many, given.turns)) for kind in CROWDED if given.many
        }
    _show(steps, shared, crowds)
    if given.json:
        data = {"steps": steps, "prefixes": [one.as_json() for one in shared], "many": crowds}
        given.json.write_text(json.dumps({"machine": machine(), **data}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
