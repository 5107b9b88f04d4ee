"""An offline task set of several instances, a model that plays a part in each, and batches run on them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.runs.evaluated import Set, make_set

PLAYER = '''"""Writes a test, mends the bug and submits; writes down what it is paid for."""

import asyncio
import os
from pathlib import Path

from agent import Capabilities, Reply, ToolCall, Usage
from agent.models.errors import ServerFailedError

TEST = "import tiny\\n\\n\\ndef test_odd_half():\\n    assert tiny.half(5) == 2.5\\n"


class Player:
    name = "player"
    capabilities = Capabilities(tools=True)

    async def generate(self, messages, tools, sampling):
        turn = sum(message.role == "assistant" for message in messages)
        if sampling.session == os.environ.get("REFUSED"):
            raise RuntimeError("the model does not like this issue")
        if f"{sampling.session} {turn}" == os.environ.get("REFUSED_TURN"):
            raise RuntimeError("the model does not like this turn")
        if f"{sampling.session} {turn}" == os.environ.get("HUNG_TURN"):
            await asyncio.sleep(600)
        if str(sampling.sample) in os.environ.get("LOST", "").split():
            once = Path(os.environ["CALLS"] + ".lost")
            if not (os.environ.get("ONCE") and once.exists()):
                once.touch()
                raise RuntimeError("the key has expired")
        await asyncio.sleep(float(os.environ.get("THINKING", "0")))
        with Path(os.environ["CALLS"]).open("a") as file:
            file.write(f"{sampling.session} {sampling.sample} {turn}\\n")
        new = "return n / 2.0" if sampling.sample % 2 else "return n / 2"
        name, arguments = [
            ("write_test", {"path": "tests/test_half.py", "content": TEST}),
            ("edit", {"path": "tiny.py", "old": "return n // 2", "new": new}),
            ("submit", {"message": "<script>alert(1)</script>"}),
        ][turn]
        call = ToolCall(id=f"c{turn}", name=name, arguments=arguments)
        usage = Usage(input=100, output=10)
        text = "<b>on</b>" + "x" * int(os.environ.get("WORDS", "0"))
        return Reply(tool_calls=(call,), model="player", cost=0.25, usage=usage, text=text)
'''


class Batches:
    """A folder with the task set and the model, and the command line run on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.set: Set = make_set(folder)
        (folder / "player.py").write_text(PLAYER)
        (folder / "work").mkdir()

    def command(self, out: Path, *more: object, samples: int = 2) -> list[str]:
        """Real sandboxes with `-c sandbox=daemonless` in `more`, else such as run nothing."""
        order = [
            "batch",
            "--tasks",
            self.set.name,
            "--out",
            out,
            "--model",
            f"{self.folder}/player.py:Player",
        ]
        order += ["-c", f"samples={samples}", "--sandboxes", 4, "--parallel", 2]
        order += ["-c", "sandbox=benchmarks.null_sandbox:NullHost", "-c", "grade=false"]
        return [sys.executable, "-m", "mangabey", *map(str, [*order, *more])]

    def environment(self, **env: object) -> dict[str, str]:
        return self.set.environment(CALLS=self.folder / "calls", **env)

    def run(self, out: Path, *more: object, samples: int = 2, timeout: float = 170, **env: object):
        return self.mangabey(self.command(out, *more, samples=samples), timeout, **env)

    def mangabey(self, command: list[str], timeout: float = 120, **env: object):
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.folder / "work",
            stdin=subprocess.DEVNULL,
            env=self.environment(**env),
        )

    def start(self, out: Path, *more: object, samples: int = 2, **env: object):
        return subprocess.Popen(
            self.command(out, *more, samples=samples),
            cwd=self.folder / "work",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(**env),
        )

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def wait_for_calls(self, count: int) -> None:
        until = time.monotonic() + 60
        while len(self.calls()) < count and time.monotonic() < until:
            time.sleep(0.05)


def predictions(out: Path) -> dict[str, str]:
    lines = (out / "preds.jsonl").read_text().splitlines()
    return {data["instance_id"]: data["model_patch"] for data in map(json.loads, lines)}


def report(out: Path) -> dict[str, Any]:
    return json.loads((out / "report.json").read_text())
