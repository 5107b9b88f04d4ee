"""How much of what an issue's trajectories send is in a server's prefix cache already.

Solves one small issue with Mangabey's own loop and reads the usage of each reply from the journal. The stub
plays a model that looks around for some turns; it counts what is cached as a server does.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.messages import Usage
from agent.models.stub import Act, Exchange, Stub, acts
from agent.models.stub.cache import PrefixCache

STUB = "stub"
TURNS = 8
"""Replies of the stub before it gives up."""
SOURCE = '"""Lists."""\n\n\ndef last(items):\n    """Return the last item."""\n    return items[-1]\n'
TEST = "from lists import last\n\n\ndef test_last():\n    assert last([1, 2]) == 2\n"
ISSUE = (
    "`last([])` raises IndexError.\n\nExpected: `last([]) is None`, as for other functions of this package."
)


@dataclass(frozen=True, slots=True)
class Shares:
    """Prompt tokens of a run, and those that were cached: of first turns, of later ones, and of all."""

    trajectories: int
    replies: int
    first: Usage
    later: Usage

    @property
    def all(self) -> Usage:
        """Of all turns."""
        return Usage.total((self.first, self.later))


def share(usage: Usage) -> float:
    """Return the share of prompt tokens that were cached."""
    return usage.cached_input / usage.input if usage.input else 0.0


async def prefix_shares(model: str, samples: int, steps: int, recipe: str = "") -> Shares:
    """Solve the issue once and return what was cached.

    Args:
        model: a backend's name, or `stub`.
        samples: trajectories, all at one time.
        steps: replies a trajectory may have.
        recipe: the name of a recipe for `mangabey solve --recipe`; empty for the plain one.
    """
    more = ["--recipe", recipe] if recipe else ["--samples", str(samples), "--parallel", str(samples)]
    async with _served(model) as name:
        with TemporaryDirectory() as folder:
            await _solve(Path(folder), name, ["--steps", str(steps), *more])
            return _read(Path(folder) / "run")


@asynccontextmanager
async def _served(model: str) -> AsyncIterator[str]:
    """Give the name by which the model is called; the stub is served meanwhile."""
    if model != STUB:
        yield model
        return
    async with Stub() as stub:
        stub.play(_looking(PrefixCache()))
        yield f"vllm/{STUB}@{stub.address}"


def _looking(cache: PrefixCache) -> Act:
    """Return an act that looks around, another way for each seed, and gives up in the end."""

    async def act(exchange: Exchange) -> None:
        body = exchange.asked.body
        usage = cache.usage(body, 40)
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        names = {tool["function"]["name"] for tool in body.get("tools", ())}
        if "ping" in names:
            return await acts.calls('{"word": "ready"}', name="ping", usage=usage)(exchange)
        if turn + 1 >= TURNS:
            return await acts.calls('{"reason": "seen enough"}', name="give_up", usage=usage)(exchange)
        words = {"command": f"head -c {400 + 100 * turn} /usr/bin/env | od -c # {body.get('seed', 0)}"}
        return await acts.calls(json.dumps(words), usage=usage)(exchange)

    return act


async def _solve(folder: Path, model: str, options: Sequence[str]) -> None:
    """Run `mangabey solve` on a small checkout; that it ends without a patch is no failure here."""
    checkout = folder / "checkout"
    await asyncio.to_thread(_write, checkout)
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mangabey", "solve", "--repo", str(checkout), "--issue", ISSUE),
        *("--model", model, "--python", sys.prefix, "--seconds", "900", "--out", str(folder / "run")),
        *options,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await run.communicate()
    if not list((folder / "run").rglob("journal.jsonl")):
        raise SystemExit(told.decode().strip())


def _write(checkout: Path) -> None:
    for path, text in (("lists.py", SOURCE), ("tests/test_lists.py", TEST)):
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(text)
    who = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "base"]):
        subprocess.run(["git", *who, *words], cwd=checkout, check=True)


def _read(run: Path) -> Shares:
    usages: dict[bool, list[Usage]] = {True: [], False: []}
    samples = set()
    for journal in run.rglob("journal.jsonl"):
        for line in journal.read_text().splitlines():
            event = json.loads(line)
            if event["kind"] == "reply":
                data = event["data"]
                samples.add((journal, data["sample"]))
                usages[data["turn"] == 0].append(Usage.model_validate(data["reply"]["usage"]))
    first, later = Usage.total(usages[True]), Usage.total(usages[False])
    return Shares(len(samples), sum(map(len, usages.values())), first, later)
