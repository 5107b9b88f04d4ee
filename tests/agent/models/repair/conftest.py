"""A tiny repository with a bug, and a stand-in for the tool loop that performs calls by subprocess."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent import prompts
from agent.messages import Message, ToolCall
from agent.view_tool import number_lines
from envs.task import PublicTask

SOURCE = '''\
"""Words."""


def first(text):
    """Return the first word."""
    return text.split(" ")[0]


def cut_end(text, end):
    """Return a text without its end."""
    return text[: -len(end)] if text.endswith(end) else text
'''
TESTS = """\
from words import cut_end, first


def test_first():
    assert first("a b") == "a"


def test_cut_end():
    assert cut_end("a.py", ".py") == "a"
    assert cut_end("a", ".py") == "a"
"""
ISSUE = """\
`cut_end` returns an empty text when the end is empty

```python
>>> from words import cut_end
>>> cut_end("name.py", "")
''
```

Expected: `cut_end("name.py", "") == "name.py"`.
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A package of one module, with tests."""
    root = tmp_path / "repository"
    (root / "tests").mkdir(parents=True)
    (root / "words.py").write_text(SOURCE)
    (root / "tests" / "test_words.py").write_text(TESTS)
    return root


@pytest.fixture
def opening() -> tuple[Message, ...]:
    """How a conversation about the repository's bug begins."""
    runner = "python -m pytest -q -p no:cacheprovider -o addopts="
    task = PublicTask("words-1", "words", "HEAD", ISSUE, "/testbed", runner)
    context = "words.py:9-11 function cut_end\nwords.py:4-6 function first"
    return (
        Message(role="system", content="Solve the issue."),
        Message(role="user", content=prompts.first_message(task, context)),
    )


@pytest.fixture
def perform(repository: Path, tmp_path: Path) -> Callable[[ToolCall], str]:
    """Perform a tool call in the repository and return the observation."""
    folder = tmp_path / "guest"
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"

    def call(call: ToolCall) -> str:
        arguments = call.arguments
        match call.name:
            case "bash":
                command = arguments["command"].replace("/tmp/repair", str(folder))
                done = subprocess.run(
                    ["bash", "-c", command],
                    cwd=repository,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    timeout=100,
                    check=False,
                )
                return f"{done.stdout}[exit code {done.returncode}]\n[50 steps left]"
            case "view":
                return number_lines((repository / arguments["path"]).read_text(), arguments["start"])
            case "write_test":
                (repository / arguments["path"]).write_text(arguments["content"])
                return "Wrote it."
            case "edit":
                path = repository / arguments["path"]
                assert path.read_text().count(arguments["old"]) == 1
                path.write_text(path.read_text().replace(arguments["old"], arguments["new"]))
                return "Edited."
            case _:
                return "Ended."

    return call
