"""A tiny package with a bug, and a backend of the user's own that solves it, badly or well, by sample."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent.parent
ISSUE = """`last()` fails for an empty list

```python
>>> from tiny import last
>>> last([])
IndexError: list index out of range
```

Expected: `last([]) is None`.
"""
SOURCE = '''"""A tiny package."""


def last(items):
    """Return the last item."""
    return items[-1]


def first(items):
    """Return the first item, None where there is none."""
    return items[0] if items else None
'''
TESTS = """from tiny import first, last


def test_last():
    assert last([1, 2]) == 2


def test_first():
    assert first([]) is None
"""
BACKEND = '''"""A backend that plays a fixed part for each sample and writes down what it is paid for."""

import os
import time
from pathlib import Path

from agent import Capabilities, Reply, ToolCall

TEST = "from tiny import last\\n\\n\\ndef test_empty():\\n    assert last([]) is None\\n"
RIGHT = "    return items[-1] if items else None\\n"
WRONG = "    return None\\n"


class Actor:
    name = "actor"
    capabilities = Capabilities(tools=True)

    async def generate(self, messages, tools, sampling):
        turn = sum(message.role == "assistant" for message in messages)
        with Path(os.environ["CALLS"]).open("a") as file:
            file.write(f"{sampling.sample} {turn}\\n")
        time.sleep(float(os.environ.get("THINKING", "0")))
        new = WRONG if sampling.sample == 1 else RIGHT
        name, arguments = [
            ("write_test", {"path": "tests/test_empty.py", "content": TEST}),
            ("bash", {"command": "python -m pytest -q tests/test_empty.py; true"}),
            ("edit", {"path": "tiny.py", "old": "    return items[-1]\\n", "new": new}),
            ("submit", {"message": "done"}),
        ][turn]
        call = ToolCall(id=f"c{turn}", name=name, arguments=arguments)
        return Reply(tool_calls=(call,), model="actor", cost=0.25)
'''


@pytest.fixture
def checkout(tmp_path):
    """A git checkout of the tiny package."""
    folder = tmp_path / "checkout"
    (folder / "tests").mkdir(parents=True)
    (folder / "tiny.py").write_text(SOURCE)
    (folder / "tests" / "test_tiny.py").write_text(TESTS)
    commit(folder)
    return folder


@pytest.fixture
def actor(tmp_path):
    """The name of the backend, for --model."""
    path = tmp_path / "actor.py"
    path.write_text(BACKEND)
    return f"{path}:Actor"


@pytest.fixture
def mangabey(tmp_path):
    """Run the command line in a process of its own; returns the finished process."""
    (tmp_path / "work").mkdir()

    def run(*arguments, timeout=120, **env):
        return subprocess.run(
            [sys.executable, "-m", "mangabey", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=tmp_path / "work",
            stdin=subprocess.DEVNULL,
            env=environment(tmp_path, **env),
        )

    return run


def environment(tmp_path, **env):
    """The environment of a run: caches and the list of paid calls in the test's own folder."""
    fixed = {"MANGABEY_HOME": str(tmp_path / "home"), "CALLS": str(tmp_path / "calls"), "COLUMNS": "80"}
    return os.environ | fixed | {key: str(value) for key, value in env.items()}


def commit(folder):
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "base"]):
        identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
        subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def desk(tmp_path, checkout):
    """A folder with candidates for the tiny package, and a choice among them."""
    from tests.runs.desk import Desk  # it needs what stands here

    return Desk(tmp_path, checkout)
