"""Models and repositories that are not as one would wish: each is named in the record, none breaks a run."""

from __future__ import annotations

import pytest

from agent.dialect import render_call
from agent.kinds.test_and_edit import MachineSettings
from agent.messages import Reply, ToolCall
from agent.models.scripted import ScriptedModel
from agent.tape import MemoryTape
from agent.trajectory import ExitReason
from envs.task import PublicTask
from sandbox.base import Sandbox
from tests.agent.kinds.machine_files import (
    FIX,
    NEW,
    OLD,
    TEST,
    block,
    call,
    play,
    said,
    text,
)

SKIP = call("no_test", reason="nothing can be shown")
LOST = [
    Reply(),
    Reply(text="I think the bug is in area()."),
    Reply(text="<function=edit>\n<parameter=changes>\nshapes.py\n<<<<<<< SEA", finish_reason="length"),
    Reply(text="x" * 200_000),
    Reply(text="```\n" + render_call("fly", {"to": "the moon"}) + "\n```"),
    Reply(text="Ich denke, der Fehler liegt in area(). 修复它。"),
    call("edit", changes=""),
    call("edit", old="a", new="b", path="shapes.py"),
    call("edit", changes=block(OLD, NEW), onto="yesterday"),
    call("edit", changes="shapes.py\n<<<<<<< SEARCH\nx\n======="),
    call("edit", malformed_arguments='no JSON: {"changes": "l'),
    call("bash", command="ls"),
    call("look"),
]
FORMATS = [
    "empty", "prose", "half a call", "200 kB", "unknown tool in a fence", "other languages", "empty changes",
    "another edit's shape", "unknown state", "half a block", "broken JSON", "a tool of another kind",
    "no argument",
]  # fmt: skip


@pytest.mark.parametrize("bad", LOST, ids=FORMATS)
async def test_replies_that_cannot_be_read(task: PublicTask, sandbox: Sandbox, bad: Reply) -> None:
    """Each is answered with what is wrong, named in the record, and no turn of the phase."""
    tape = MemoryTape()
    model = ScriptedModel([SKIP, bad, bad, call("look", what="shapes.py"), bad, bad, bad])
    done = await play(task, sandbox, model, tape=tape, settings=MachineSettings(edit_turns=2))
    assert done.exit_reason is ExitReason.FORMAT_ERRORS
    for turn in (1, 2, 4, 5, 6):
        seen = tape.observation(turn, 0)
        assert seen is not None
        assert seen.status == "format_error"
        assert seen.text
    answer = model.requests[2][-1].content
    assert any(word in answer for word in ("must call a tool", "Expected", "The tools are", "tools are:"))
    assert "[budget left: 2 of 2 turns of this phase" in answer


@pytest.mark.parametrize("native", [True, False])
async def test_the_second_of_two_actions_is_not_done(
    task: PublicTask, sandbox: Sandbox, native: bool
) -> None:
    two = Reply(
        tool_calls=tuple(
            ToolCall(id=f"id{n}", name="edit", arguments={"changes": block(old, new)})
            for n, (old, new) in enumerate([(OLD, NEW), (NEW, OLD)])
        )
    )
    written = Reply(text="\n".join(render_call("edit", one.arguments) for one in two.tool_calls))
    write = call if native else text
    script = [write("no_test", reason="no"), two if native else written, write("done")]
    model = ScriptedModel(script, native_tools=native)
    done = await play(task, sandbox, model)
    assert [status for status, _ in said(done)] == ["ok", "ok", "format_error", "ok"]
    assert said(done)[2][1].startswith("Not done: one action a reply")
    assert "+        return self.width * self.height" in done.diff


async def test_a_loop_of_the_same_action_ends_with_its_turns(task: PublicTask, sandbox: Sandbox) -> None:
    model = ScriptedModel([SKIP, *[call("look", what="shapes.py")] * 9])
    done = await play(task, sandbox, model)
    assert done.exit_reason is ExitReason.STEP_LIMIT
    assert len(done.turns) == 9
    assert "exactly this call 3 times in a row" in model.requests[4][-1].content


EDITS = {
    "CRLF file": (block("two", "2\nand a half", "windows.txt"), "ok", b"one\r\n2\r\nand a half\r\nthree\r\n"),
    "CRLF reply": (block("two", "2", "windows.txt").replace("\n", "\r\n"), "ok", b"one\r\n2\r\nthree\r\n"),
    "tabs": (block("\t\treturn 1", "\t\treturn 2", "tabs.py"), "ok", b"def f():\n\tif True:\n\t\treturn 2\n"),
    "spaces for tabs": (block("        return 1", "        return 2", "tabs.py"), "error", "white space"),
    "declared encoding": (block("name = 'café'", "name = 'thé'", "latin.py"), "ok", None),
    "not in the encoding": (block("name = 'café'", "name = '茶'", "latin.py"), "error", "has no '茶'"),
    "binary": (block("x", "y", "picture.bin"), "error", "binary file"),
    "no such file": (block("x", "y", "nowhere/a.py"), "error", "no such file"),
    "folder": (block("x", "y", "tests"), "error", "a folder"),
    "empty file": (block("x", "y", "empty.txt"), "error", "empty.txt is empty"),
    "fill an empty file": (block("", "y", "empty.txt"), "ok", b"y\n"),
    "fences": (block("", "# A\n```python\nx = 1\n```", "A.md"), "ok", b"# A\n```python\nx = 1\n```\n"),
    "NUL in the path": (block("", "y", "a\0b.py"), "error", "NUL"),
    "long path": (block("", "y", "a" * 5000), "error", ""),
    "half a character": (block("", "\ud800", "a.py"), "format_error", "unicode"),
    "200 kB": (block("", "x = 1\n" * 40_000, "big.py"), "ok", None),
    "numbered": (block("     2\ttwo", "2", "windows.txt"), "error", "line numbers"),
}  # fmt: skip


async def test_edits_of_all_sorts(task: PublicTask, sandbox: Sandbox) -> None:
    """One machine tries them all; a refused one changes nothing."""
    script = [SKIP, *[call("edit", changes=changes, onto="base") for changes, _, _ in EDITS.values()]]
    settings = MachineSettings(edit_turns=len(EDITS) - 1, regression_files=0)

    class Watching(ScriptedModel):
        async def generate(self, *arguments: object) -> Reply:  # type: ignore[override]
            number = len(self.requests) - 2
            if number >= 0:
                _, status, expected = list(EDITS.values())[number]
                if status == "ok" and isinstance(expected, bytes):
                    path = str(script[number + 1].tool_calls[0].arguments["changes"]).split()[0]
                    assert await sandbox.read(path) == expected
            return await super().generate(*arguments)  # type: ignore[arg-type]

    done = await play(task, sandbox, Watching([*script, call("done")]), settings=settings)
    assert done.exit_reason is ExitReason.STEP_LIMIT, done.message
    for name, (_, status, expected), (was, told) in zip(EDITS, EDITS.values(), said(done)[1:], strict=True):
        assert was == status, (name, told)
        assert not isinstance(expected, str) or expected in told, (name, told)


@pytest.mark.parametrize(
    ("content", "status"),
    [("x = '\ud800'\n", "format_error"), ("x = 1\n" * 40_000, "error"), ("\0", "error"), ("x", "error")],
)
async def test_tests_that_are_no_files(task: PublicTask, sandbox: Sandbox, content: str, status: str) -> None:
    script = [call("write_test", path="tests/test_a.py", content=content), SKIP, call("give_up", reason="no")]
    done = await play(task, sandbox, ScriptedModel(script))
    assert said(done)[0][0] == status
    assert (done.exit_reason, done.diff) == (ExitReason.GAVE_UP, "")


async def test_looks_at_what_cannot_be_shown(task: PublicTask, sandbox: Sandbox) -> None:
    what = "\n".join(
        ["picture.bin", "latin.py", "broken.py:1-2", "missing.py", "empty.txt", "x\0y", "shapes.py:900", "*("]
    )
    script = [
        call("look", what=what),
        call("look", what="- \n"),
        call("look", what="\n".join(map(str, range(20)))),
        SKIP,
    ]
    done = await play(task, sandbox, ScriptedModel(script), settings=MachineSettings(edit_turns=0))
    first, empty, many = said(done)[:3]
    assert first[0] == "ok"
    assert "picture.bin is a binary file" in first[1]
    assert "## latin.py\n" in first[1]
    assert "line 900 does not exist" in first[1]
    assert "Nothing named or holding 'missing.py'" in first[1]
    assert empty == ("error", "`what` names nothing.")
    assert "[8 more requests were left out; 12 are answered at once]" in many[1]


async def test_a_look_stays_within_its_room(task: PublicTask, sandbox: Sandbox) -> None:
    await sandbox.write("long.py", b"value = 1\n" * 3000)
    script = [call("look", what="long.py:1-500\nlong.py:501-900\nshapes.py"), SKIP]
    settings = MachineSettings(edit_turns=0, look=8000)
    done = await play(task, sandbox, ScriptedModel(script), settings=settings)
    assert len(said(done)[0][1]) < 8500
    assert "[cut here; ask for the rest by lines, or narrower]" in said(done)[0][1]
    assert "## shapes.py\n[no room left]" in said(done)[0][1]


async def test_a_repository_without_tests(task: PublicTask, sandbox: Sandbox) -> None:
    await sandbox.exec("rm -r tests && git -c user.name=t -c user.email=t@t commit -qam none")
    script = [
        call("write_test", path="test_area.py", content=TEST["content"]),
        call("done"),
        call("edit", **FIX),
        call("done"),
    ]
    done = await play(task, sandbox, ScriptedModel(script))
    assert done.exit_reason is ExitReason.SUBMITTED
    assert "# Existing tests near the change\n\nNone was found." in said(done)[2][1]
    assert "- all 2 passed" in said(done)[2][1]


async def test_a_broken_test_collection(task: PublicTask, sandbox: Sandbox) -> None:
    await sandbox.write("conftest.py", b"import nowhere_to_be_found\n")
    script = [call("write_test", **TEST), SKIP, call("edit", **FIX), call("done")]
    done = await play(task, sandbox, ScriptedModel(script))
    assert said(done)[0][0] == "error"
    assert "nowhere_to_be_found" in said(done)[0][1]
    assert done.exit_reason is ExitReason.SUBMITTED
    assert "None fails that passes on the untouched repository." in said(done)[2][1]
