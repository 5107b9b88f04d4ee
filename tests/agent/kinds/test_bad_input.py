"""Replies and repositories that nobody wishes for: each is answered and none ends a run by an exception."""

from __future__ import annotations

import pytest

from agent.base_runs import ForkedBase
from agent.budget import Budget
from agent.dialect import render_call
from agent.kinds import KINDS
from agent.messages import Reply
from agent.models.scripted import ScriptedModel
from agent.tape import MemoryTape
from agent.trajectory import ExitReason
from envs.task import PublicTask
from sandbox.base import Sandbox
from sandbox.forks import forked
from tests.agent.kinds.playing import FIX, TEST, calls, play, text

NEW = FIX["new"]
NOWHERE = "--- a/no.py\n+++ b/no.py\n@@ -1 +1 @@\n-a\n+b\n"


@pytest.mark.parametrize(
    "reply",
    [
        text(("edit", FIX)).model_copy(update={"text": render_call("edit", FIX).replace("\n", "\r\n")}),
        Reply(text="```xml\n" + render_call("edit", FIX) + "\n```\nDone!"),
        Reply(text="问题在 `area` 里：应当相乘。Исправляю. これで直ります。\n" + render_call("edit", FIX)),
        Reply(text="\ufeff" + "思" * 70_000 + "\n" + render_call("edit", FIX)),
        Reply(text=render_call("edit", FIX).replace("<parameter=old>", '<parameter name="old">')),
        Reply(text="\t" + render_call("edit", FIX)),
    ],
    ids=["crlf", "fenced", "languages", "long", "other dialect", "tab"],
)
async def test_what_is_readable_is_done(task: PublicTask, sandbox: Sandbox, reply: Reply) -> None:
    model = ScriptedModel([reply, text(("submit", {}))], native_tools=False)
    done = await play(task, sandbox, model)
    assert done.exit_reason is ExitReason.SUBMITTED
    assert f"+        return {NEW}" in done.diff


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        (("edit", {"path": "nowhere/shape.py", "old": "x", "new": "y"}), "error", "There is no file"),
        (("edit", {"path": "picture.bin", "old": "PNG", "new": "GIF"}), "error", "binary file"),
        (("view", {"path": "picture.bin"}), "error", "binary file"),
        (("edit", {"path": "latin.py", "old": "name", "new": "title"}), "error", "is not UTF-8 (line 2"),
        (("view", {"path": "latin.py"}), "ok", "name = 'caf"),
        (("edit", {"path": "tabs.py", "old": "    if True:", "new": "x"}), "error", "tabs"),
        (("edit", {"path": "windows.txt", "old": "one\ntwo", "new": "1\n2"}), "ok", "Edited windows.txt"),
        (("bash", {"command": f"git apply <<'P'\n{NOWHERE}P"}), "ok", "no.py"),
        (("write_test", {"path": "tests/test_a.py", "content": "x" * 200_000}), "ok", "Wrote"),
        (("write_test", {"path": "shapes.py", "content": "x"}), "error", "pytest would not collect"),
    ],
)  # fmt: skip
async def test_odd_actions_are_answered(
    task: PublicTask,
    sandbox: Sandbox,
    given: tuple[str, dict[str, str]],
    status: str,
    said: str,
    native: bool,
) -> None:
    write = calls if native else text
    tape = MemoryTape()
    model = ScriptedModel([write(given), write(("submit", {}))], native_tools=native)
    done = await play(task, sandbox, model, tape=tape)
    recorded = tape.observation(0, 0)
    assert recorded is not None
    assert recorded.status == status
    assert said in recorded.text
    assert done.exit_reason is ExitReason.SUBMITTED


async def test_a_fence_around_a_test_is_left_out(task: PublicTask, sandbox: Sandbox) -> None:
    fenced = {**TEST, "content": f"```python\n{TEST['content']}```\n"}
    inside = {**TEST, "path": "tests/test_doc.py", "content": 'DOC = """\n```python\nx\n```\n"""\n'}
    script = [calls(("write_test", fenced), ("write_test", inside)), calls(("submit", {}))]
    done = await play(task, sandbox, ScriptedModel(script))
    assert done.turns[0].observations[0].text.startswith("Wrote tests/test_area.py. (The Markdown fence")
    assert (await sandbox.read(TEST["path"])).decode() == TEST["content"]
    assert (await sandbox.read("tests/test_doc.py")).decode() == inside["content"]


@pytest.mark.parametrize("kind", ["tool-agent", "tester", "refiner"])
async def test_the_same_action_for_ever_ends_with_the_steps(
    task: PublicTask, sandbox: Sandbox, kind: str
) -> None:
    model = ScriptedModel([calls(("bash", {"command": "ls"}))] * 12)
    done = await play(task, sandbox, model, kind=KINDS[kind], budget=Budget(steps=12))
    assert done.exit_reason is ExitReason.STEP_LIMIT
    assert "11 times in a row" in model.requests[11][-1].content


@pytest.mark.parametrize("kind", ["tool-agent", "tester"])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("echo 'raise RuntimeError(\"no\")' > tests/conftest.py", "cannot be collected"),
        ("echo '[pytest' > pytest.ini", "cannot be collected"),
        ("rm -r tests", "assert 5 == 6"),
        ("printf '# -*- coding: latin-1 -*-\\nx = \"\\351\"\\n' >> tests/test_old.py", "assert 5 == 6"),
    ],
    ids=["broken conftest", "broken configuration", "no tests", "latin tests"],
)
async def test_repositories_with_broken_tests(
    task: PublicTask, sandbox: Sandbox, kind: str, spoil: str, said: str
) -> None:
    await sandbox.exec(spoil)
    model = ScriptedModel([calls(("write_test", TEST)), calls(("give_up", {"reason": "enough"}))])
    async with forked(sandbox) as base:
        tried = ForkedBase(base, task.test_runner)
        done = await play(task, sandbox, model, kind=KINDS[kind], base=tried)
    assert said in done.turns[0].observations[0].text
    assert done.exit_reason is ExitReason.GAVE_UP
