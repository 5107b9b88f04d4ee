"""Choosing on the tiny package: diffs of it, a folder with candidates, and what is shown of a choice."""

from __future__ import annotations

import difflib
import io

from rich.console import Console

from runs.display.choice import render_choice
from runs.job import Job
from runs.recipe import Recipe
from runs.selecting import choose, find
from tests.interpreter import lean_python
from tests.runs.conftest import ISSUE, SOURCE
from tests.runs.players import OLD


def diff(new="", test="", name="test_new"):
    """A git diff of the tiny package: a change of `last`, and a new test file."""
    text = ""
    if new:
        after = SOURCE.replace(OLD, new)
        lines = difflib.unified_diff(
            SOURCE.splitlines(keepends=True), after.splitlines(keepends=True), "a/tiny.py", "b/tiny.py"
        )
        text += "diff --git a/tiny.py b/tiny.py\n" + "".join(lines)
    if test:
        added = "".join(f"+{line}\n" for line in test.splitlines())
        path, count = f"tests/{name}.py", len(test.splitlines())
        text += f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
        text += f"@@ -0,0 +1,{count} @@\n{added}"
    return text


class Desk:
    """A folder with candidates and a choice among them."""

    def __init__(self, folder, checkout):
        self.folder = folder
        self.checkout = checkout
        self.files = []
        self.out = folder / "out"

    def put(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.files.append(path)
        return self

    async def choose(self, listen=lambda progress: None, **recipe):
        fixed = {"sandbox": "daemonless", "test_seconds": 60}
        job = Job(
            Recipe.model_validate(fixed | recipe),
            self.folder / "home",
            repo=self.checkout,
            issue=ISSUE,
            python=lean_python(),
            candidates=tuple(self.files),
        )
        task, repository = await find(job, listen)
        return await choose(job, task, repository, self.out, listen)

    @property
    def journal(self):
        return next(self.out.rglob("journal.jsonl")).parent


def shown(choice, width=80):
    out = io.StringIO()
    render_choice(choice, choice_folder, Console(file=out, width=width, highlight=False))
    return out.getvalue()


choice_folder = "out"
