"""The context of a run: gathered once, recorded, and taken up where it was cut off."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.context import ContextSettings
from agent.messages import Attempt, Reply, Usage
from envs.task import Environment, Task
from runs.base_room import BaseRoom
from runs.context import context_of
from runs.journal import Journal
from runs.recipe import Allowance, Recipe
from runs.replies import JournalReplies

MODEL = """
from pathlib import Path
from agent import Capabilities, Reply

class Reader:
    name = "reader"
    capabilities = Capabilities()

    async def generate(self, messages, tools, sampling):
        with (Path(__file__).parent / "calls").open("a") as calls:
            calls.write("x")
        relevant = "true" if 'path="b.py"' in messages[1].content else "false"
        if (Path(__file__).parent / "down").exists():
            from agent.models.errors import ModelUnavailableError
            raise ModelUnavailableError("the server is down")
        return Reply(text='{"reason": "r", "relevant": %s, "summary": "s"}' % relevant)
"""


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of two files that are alike."""
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in ("a.py", "b.py"):
        (folder / name).write_text("def area(side):\n    return side\n")
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "base")
    return folder


@pytest.fixture
async def room(tmp_path: Path, repository: Path) -> AsyncIterator[tuple[BaseRoom, Recipe]]:
    task = Task(
        instance_id="area-1",
        repo="area",
        base_commit=git(repository, "rev-parse", "HEAD"),
        problem_statement="`area` is wrong",
        environment=Environment(python=sys.executable),
        test_runner="python -m pytest",
    )
    (tmp_path / "reader.py").write_text(MODEL)
    recipe = Recipe(
        models={"context": f"{tmp_path}/reader.py:Reader"},
        sandbox="daemonless",
        context=ContextSettings(kind="files", tokens=1000, scan=True),
    )
    async with BaseRoom(task, repository, recipe, tmp_path / "home") as opened:
        yield opened, recipe


def calls(tmp_path: Path) -> int:
    path = tmp_path / "calls"
    return len(path.read_text()) if path.exists() else 0


async def test_a_scan_is_paid_once(tmp_path, room):
    opened, recipe = room
    said: list[object] = []
    with Journal(tmp_path / "run") as journal:
        text = await context_of(opened, recipe, journal, said.append)
        assert text.index('path="b.py"') < text.index('path="a.py"')
        assert calls(tmp_path) == 2
        assert [event.kind for event in journal.events] == ["context_reply", "context_reply", "context"]
        assert await context_of(opened, recipe, journal, said.append) == text
    assert not said
    # a run that was killed before the context was recorded
    lines = (tmp_path / "run" / "journal.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "run" / "journal.jsonl").write_text("".join(lines[:-1]))
    with Journal(tmp_path / "run") as journal:
        assert await context_of(opened, recipe, journal, said.append) == text
    assert calls(tmp_path) == 2
    assert list((tmp_path / "home" / "index").iterdir())


async def test_a_model_that_is_down_leaves_the_lexical_order_and_says_so(tmp_path, room):
    opened, recipe = room
    (tmp_path / "down").write_text("")
    said: list[object] = []
    with Journal(tmp_path / "run") as journal:
        text = await context_of(opened, recipe, journal, said.append)
        assert text.index('path="a.py"') < text.index('path="b.py"')
        assert len(list(journal.of("context_failure"))) == 2
    assert "the server is down" in str(said)


async def test_a_used_up_budget_ends_the_scan_and_the_lexical_order_stays(tmp_path, room):
    opened, recipe = room
    poor = recipe.model_copy(update={"budget": Allowance(tokens=5)})
    said: list[object] = []
    with Journal(tmp_path / "run") as journal:
        await JournalReplies(journal, "context").put(
            "another", Reply(text="x", usage=Usage(input=4, output=1))
        )
        text = await context_of(opened, poor, journal, said.append)
    assert calls(tmp_path) == 0
    assert text.index('path="a.py"') < text.index('path="b.py"')
    assert "the issue's 5 tokens are used" in str(said)


async def test_replies_and_failures_are_in_the_journal(tmp_path):
    attempt = Attempt(error="ServerError", message="503", seconds=1.0)
    with Journal(tmp_path) as journal:
        replies = JournalReplies(journal, "context")
        await replies.put("k", Reply(text="ä\ud800", attempts=(attempt,)))
        await replies.put_failure("f", (attempt,), "gone")
    with Journal(tmp_path) as journal:
        replies = JournalReplies(journal, "context")
        assert (found := replies.get("k")) is not None
        assert found.attempts == (attempt,)
        assert replies.get("f") is None
        assert journal.last("context_failure")["message"] == "gone"


def test_the_default_is_what_a_recipe_without_context_has():
    assert (
        Recipe().context
        == ContextSettings()
        == ContextSettings(kind="definitions", tokens=16_000, scan=False, rankings=3)
    )
    assert json.loads(Recipe().model_dump_json())["context"]["kind"] == "definitions"
