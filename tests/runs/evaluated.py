"""An offline task set of several instances of one bug, and the command line run on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.envs.conftest import with_task, write_suite
from tests.interpreter import lean_python

SOURCE = '''"""Seven instances of one bug; three of them with trouble of their own."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from envs.pypi import PypiSuite
from envs.task import Environment, Sealed, TaskError

IDS = ("tiny-1", "tiny-2", "tiny-3", "tiny-4", "no-fix", "no-task", "our-defect")


class Tiny:
    def __init__(self):
        self.suite = PypiSuite(Path(os.environ["SUITE"]))

    def ids(self):
        return IDS

    def describe(self, instance_id):
        return self.suite.describe("tiny__1.0-1")

    async def load(self, instance_id, home):
        if instance_id == "no-task":
            raise TaskError("the repository is gone")
        if instance_id == "our-defect":
            raise RuntimeError("nobody thought of that")
        if instance_id == os.environ.get("STUCK"):
            Path(os.environ["STUCK_AT"]).touch()
            await asyncio.sleep(600)
        task, repository = await self.suite.load("tiny__1.0-1", home)
        environment = Environment(python=os.environ["ENVIRONMENT"])
        task = replace(task, instance_id=instance_id, environment=environment)
        if instance_id == "no-fix":
            wrong = replace(task.grading.unseal(), gold_patch=os.environ["WRONG"])
            task = replace(task, grading=Sealed(wrong))
        if instance_id == os.environ.get("BROKEN"):
            broken = replace(task.grading.unseal(), test_command="no-such-python -m pytest")
            task = replace(task, grading=Sealed(broken))
        return task, repository
'''


def patch(old: str, new: str, line: int = 1, before: str = "", after: str = "") -> str:
    context = [f" {text}\n" for text in before.splitlines()]
    tail = [f" {text}\n" for text in after.splitlines()]
    count = len(context) + len(tail) + 1
    return "".join(
        [
            "diff --git a/tiny.py b/tiny.py\n--- a/tiny.py\n+++ b/tiny.py\n",
            f"@@ -{line},{count} +{line},{count} @@\n",
            *context,
            f"-{old}\n+{new}\n",
            *tail,
        ]
    )


HEAD = 'def half(n):\n    """Return n / 2."""'
RIGHT = patch("    return n // 2", "    return n / 2", before=HEAD)
WRONG = patch("    return n // 2", "    return n // 2 + 0", before=HEAD)
BREAKING = patch("    return n // 2", "    return n / 2\n+main = None", before=HEAD).replace(
    "-1,3 +1,3", "-1,3 +1,4"
)
NOWHERE = patch("    return n // 3", "    return n / 3", before="def third(n):\n    pass")
ODD = "tests/test_tiny.py::test_odd[a b [c::d]]"
SCRIPT = "tests/test_tiny.py::test_script"


@dataclass(frozen=True)
class Set:
    """A task set in a folder, shared by the tests of a file, and the command line run beside it."""

    folder: Path

    @property
    def name(self) -> str:
        return f"{self.folder}/tiny_set.py:Tiny"

    def environment(self, **env: object) -> dict[str, str]:
        fixed = {
            "MANGABEY_HOME": str(self.folder / "home"),
            "SUITE": str(self.folder / "suite.jsonl"),
            "WRONG": WRONG,
            "ENVIRONMENT": str(lean_python()),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.folder / "index"),
            "COLUMNS": "80",
        }
        return os.environ | fixed | {key: str(value) for key, value in env.items()}

    def command(self, predictions: object, out: object, *more: object) -> list[str]:
        order = ["evaluate", predictions, "--tasks", self.name, "--out", out, *more]
        return [sys.executable, "-m", "mangabey", *map(str, order)]

    def evaluate(self, predictions: object, out: Path, *more: object, **env: object):
        return self.run(self.command(predictions, out, *more), out.parent, **env)

    def run(self, command: list[str], folder: Path, **env: object):
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            env=self.environment(**env),
        )


def make_set(folder: Path) -> Set:
    write_suite(folder)
    with_task(folder)
    (folder / "tiny_set.py").write_text(SOURCE)
    return Set(folder)


def predictions(path: Path, **patches: str | None) -> Path:
    """Write predictions; an underscore in a name stands for a hyphen."""
    lines = [
        {"instance_id": name.replace("_", "-"), "model_name_or_path": "m", "model_patch": diff}
        for name, diff in patches.items()
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def grades(out: Path) -> dict[str, dict[str, Any]]:
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(out.glob("*/grade.json"))}
