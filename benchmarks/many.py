"""Many issues of one tiny repository, a model that takes its time, and batches run on them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

SOURCE = '''"""Many issues of one tiny repository."""

import os
import sys
from pathlib import Path

from envs.local import load_local
from dataclasses import replace


class Many:
    def ids(self):
        return [f"issue-{n:04}" for n in range(int(os.environ["ISSUES"]))]

    def describe(self, instance_id):
        return {"issue": "half(5) is 2", "repo": "tiny"}

    async def load(self, instance_id, home):
        folder = Path(os.environ["REPOSITORY"])
        task, repository = await load_local(folder, "half(5) is 2 and should be 2.5", home, Path(sys.prefix))
        return replace(task, instance_id=instance_id), repository
'''
MODEL = '''"""Answers after a while: a test, an edit, the end; writes down what it is paid for."""

import asyncio
import os

from agent import Capabilities, Reply, ToolCall, Usage

TEST = "import tiny\\n\\n\\ndef test_odd():\\n    assert tiny.half(5) == 2.5\\n"


class Slow:
    name = "slow"
    capabilities = Capabilities(tools=True)

    async def generate(self, messages, tools, sampling):
        turn = sum(message.role == "assistant" for message in messages)
        await asyncio.sleep(float(os.environ["LATENCY"]))
        line = f"{sampling.session} {sampling.sample} {turn}\\n".encode()
        handle = os.open(os.environ["CALLS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, line)
        os.close(handle)
        name, arguments = [
            ("write_test", {"path": "tests/test_half.py", "content": TEST}),
            ("edit", {"path": "tiny.py", "old": "n // 2", "new": "n / 2"}),
            ("submit", {"message": "done"}),
        ][turn]
        call = ToolCall(id=f"c{turn}", name=name, arguments=arguments)
        return Reply(tool_calls=(call,), model="slow", cost=0.01, usage=Usage(input=1000, output=100))
'''
TURNS = 3
IMAGE = "mangabey/base:bookworm"
"""Made by `scripts/base-image.sh bookworm`."""
NULL = ("-c", "sandbox=benchmarks.null_sandbox:NullHost", "-c", "grade=false")


def real(sandbox: str) -> tuple[str, ...]:
    """Return what has issues run in sandboxes of this kind."""
    image = ("-c", f"image={IMAGE}") if sandbox == "docker" else ()
    return ("-c", f"sandbox={sandbox}", *image, "-c", "grade=false")


class Bench:
    """A folder with the issues and the model, and the command line run on them."""

    def __init__(self, folder: Path, issues: int, latency: float) -> None:
        self.folder = folder
        repository = folder / "repository"
        (repository / "tests").mkdir(parents=True)
        (repository / "tiny.py").write_text("def half(n):\n    return n // 2\n")
        (repository / "tests" / "test_tiny.py").write_text(
            "import tiny\n\n\ndef test_even():\n    assert tiny.half(4) == 2\n"
        )
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "base"]):
            identity = ["-c", "user.name=b", "-c", "user.email=b@localhost"]
            subprocess.run(["git", *identity, *words], cwd=repository, check=True)
        (folder / "many.py").write_text(SOURCE)
        (folder / "slow.py").write_text(MODEL)
        self.env = os.environ | {
            "ISSUES": str(issues),
            "LATENCY": str(latency),
            "REPOSITORY": str(repository),
            "CALLS": str(folder / "calls"),
            "MANGABEY_HOME": str(folder / "home"),
        }

    def command(self, out: Path, samples: int, *more: str) -> list[str]:
        words = ["batch", "--tasks", f"{self.folder}/many.py:Many", "--out", str(out)]
        words += ["--model", f"{self.folder}/slow.py:Slow", "-c", f"samples={samples}", *more]
        return [sys.executable, "-m", "mangabey", *words]

    def run(self, out: Path, samples: int, *more: str) -> float:
        began = time.monotonic()
        done = subprocess.run(
            self.command(out, samples, *more), env=self.env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"the batch failed: {done.stdout}{done.stderr}")
        return time.monotonic() - began

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []
