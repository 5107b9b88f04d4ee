"""A backend that plays a script by sample, and whole runs with it in this process."""

from __future__ import annotations

import json

from runs.job import Job
from runs.journal import Journal
from runs.recipe import Recipe
from runs.solve import find, solve
from tests.interpreter import lean_python

PLAYER = '''"""Plays each sample's calls in turn, waits where told so, and writes down what it is asked."""

import asyncio
import json
from pathlib import Path

from agent import Capabilities, Reply, ToolCall, Usage


class Player:
    name = "player"
    capabilities = Capabilities(tools=True)

    def __init__(self, script):
        self.script = Path(script)

    async def generate(self, messages, tools, sampling):
        turn = sum(message.role == "assistant" for message in messages)
        with self.script.with_name("asked").open("a") as file:
            file.write(json.dumps([sampling.sample, turn, sampling.temperature, messages[1].content]) + "\\n")
        step = json.loads(self.script.read_text())[str(sampling.sample)][turn]
        if step == "wait":
            await asyncio.sleep(3600)
        call = ToolCall(id=f"c{turn}", name=step[0], arguments=step[1])
        usage = Usage(input=100, output=10)
        return Reply(tool_calls=(call,), model="player", cost=0.25, usage=usage)
'''
FIRST = """from tiny import last


def test_empty_list():
    assert last([]) is None
"""
TUPLE = """from tiny import last


def test_empty_tuple():
    assert last(()) is None
"""
OLD = "    return items[-1]\n"
RIGHT = "    return items[-1] if items else None\n"
ALSO_RIGHT = "    return items[-1] if len(items) > 0 else None\n"
LISTS_ONLY = "    return None if items == [] else items[-1]\n"
WRONG = "    return None\n"
SUBMIT = ["submit", {"message": "done"}]
WAIT = "wait"


def writes(content, name="test_new"):
    return ["write_test", {"path": f"tests/{name}.py", "content": content}]


def edit(new, old=OLD):
    return ["edit", {"path": "tiny.py", "old": old, "new": new}]


def fix(new, content=FIRST, name="test_new"):
    """The calls of an editor that brings a test."""
    return [writes(content, name), edit(new), SUBMIT]


class Stage:
    """A folder with a script and a run of it."""

    def __init__(self, folder, checkout):
        self.folder = folder
        self.checkout = checkout
        self.out = folder / "run"
        (folder / "player.py").write_text(PLAYER)

    def model(self, script):
        path = self.folder / "script.json"
        path.write_text(json.dumps(script))
        return f"{self.folder / 'player.py'}:Player/{path}"

    def recipe(self, script, **fields):
        fixed = {"model": self.model(script), "sandbox": "daemonless", "test_seconds": 60}
        return Recipe.model_validate(fixed | fields)

    async def run(self, recipe, issue, listen=lambda progress: None):
        job = Job(recipe, self.folder / "home", repo=self.checkout, issue=issue, python=lean_python())
        task, repository = await find(job, listen)
        return await solve(job, task, repository, self.out, listen)

    def asked(self):
        """Sample, turn, temperature and first message of each call that was made."""
        path = self.folder / "asked"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def turns(self):
        return [(sample, turn) for sample, turn, *_ in self.asked()]

    @property
    def journal_path(self):
        return next(self.out.rglob("journal.jsonl"))

    def events(self, kind):
        with Journal(self.journal_path.parent) as journal:
            return [dict(event.data) for event in journal.of(kind)]
