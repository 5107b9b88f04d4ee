"""The edit phase of the test-and-edit machine: what an edit does, and what is shown of it."""

from __future__ import annotations

import pytest

from agent.assignment import Assignment
from agent.budget import Budget
from agent.kinds.test_and_edit import MachineSettings, run_test_and_edit
from agent.messages import Reply
from agent.models.scripted import ScriptedModel
from agent.shelf import SharedTest
from agent.tape import MemoryTape
from agent.trajectory import ExitReason
from envs.task import PublicTask
from sandbox.base import Sandbox
from tests.agent.kinds.machine_files import (
    CONTEXT,
    FAILING,
    FIX,
    NEVER,
    NEW,
    OLD,
    PROVE,
    SKIP,
    TEST_PATH,
    Shelf,
    block,
    call,
    play,
    said,
)


async def test_edits_go_on_from_the_last_state_or_from_the_base(task: PublicTask, sandbox: Sandbox) -> None:
    script = [
        *SKIP,
        call("edit", changes=block(OLD, f"{OLD}  # sum")),
        call("edit", changes=block("", "VALUE = 1", "extra.py") + "\n" + block(f"{OLD}  # sum", NEW)),
        call("edit", changes=block(OLD, f"{NEW}  # again"), onto="base"),
        call("look", what="extra.py"),
        call("done"),
    ]
    done = await play(task, sandbox, ScriptedModel(script))
    statuses = [status for status, _ in said(done)]
    assert statuses == ["ok", "ok", "ok", "ok", "ok", "ok"]
    assert "Changed extra.py, shapes.py." in said(done)[2][1]
    assert "+        return self.width * self.height  # again" in done.diff
    assert "extra.py" not in done.diff


async def test_all_replacements_are_made_or_none(task: PublicTask, sandbox: Sandbox) -> None:
    wrong = "        return self.width  +  self.height"
    changes = "\n\n".join(
        [
            block(OLD, NEW),
            block(wrong, NEW),
            block("nothing like it anywhere 123", "x", "tabs.py"),
            block("x = 1", "x = 2", "missing.py"),
            block("", "x = 2", "tabs.py"),
        ]
    )
    done = await play(
        task, sandbox, ScriptedModel([*SKIP, call("edit", changes=changes), call("give_up", reason="no")])
    )
    status, told = said(done)[1]
    assert status == "error"
    assert told.startswith("Nothing was changed: blocks apply all or none.")
    assert "Block 1 " not in told
    assert "Block 2 (shapes.py): SEARCH does not occur in shapes.py. " in told
    assert "    12\t        return self.width * self.height" in told
    assert "Block 3 (tabs.py): SEARCH does not occur in tabs.py, nor anything like it" in told
    assert "Block 4 (missing.py): there is no such file" in told
    assert "Block 5 (tabs.py): it exists already" in told
    assert (done.exit_reason, done.diff) == (ExitReason.GAVE_UP, "")


@pytest.mark.parametrize(
    ("path", "old", "new", "reason"),
    [
        ("tests/test_shapes.py", "def test_width():", "def test_width_(): ", "belongs to the existing tests"),
        ("conftest.py", "", "x = 1", "configures how tests are run"),
        ("pytest.ini", "", "[pytest]", "configures how tests are run"),
        ("setup.cfg", "", "[tool:pytest]\naddopts = -x", "configures a tool that tests run with"),
        ("pyproject.toml", "", "[tool.pytest.ini_options]\naddopts = '-x'", "configures a tool"),
        ("tests/helpers.py", "", "x = 1", "a new file among the tests"),
        ("test_more.py", "", "def test_a():\n    pass", "write tests with `write_test`"),
        ("tests/test_area.py", "    assert Rectangle(2, 3).area() == 6", "    pass", "write it again with"),
        ("shapes.py.orig", "", "x", "leftovers"),
        ("../escape.py", "", "x", "outside of the repository"),
        (".git/config", "", "x", "no part of a patch"),
    ],
)
async def test_what_may_not_be_edited(
    task: PublicTask, sandbox: Sandbox, path: str, old: str, new: str, reason: str
) -> None:
    script = [*PROVE, call("edit", changes=block(OLD, NEW) + "\n" + block(old, new, path))]
    done = await play(task, sandbox, ScriptedModel(script), settings=MachineSettings(edit_turns=1))
    status, told = said(done)[2]
    assert status == "error"
    assert f"Block 2 ({path}): " in told
    assert reason in told
    assert "self.width * self.height" not in done.diff


async def test_packaging_sections_may_be_edited(task: PublicTask, sandbox: Sandbox) -> None:
    changes = block("", "[metadata]\nname = shapes", "setup.cfg")
    done = await play(task, sandbox, ScriptedModel([*SKIP, call("edit", changes=changes), call("done")]))
    assert "+name = shapes" in done.diff


async def test_existing_tests_that_fail_now_are_shown(task: PublicTask, sandbox: Sandbox) -> None:
    breaking = block("        self.width = width", "        self.width = float(width + 1)")
    script = [*PROVE, call("edit", changes=breaking), call("edit", **FIX, onto="base"), call("done")]
    done = await play(task, sandbox, ScriptedModel(script))
    told = said(done)[2][1]
    assert "These pass on the untouched repository and fail on your patch, twice:" in told
    assert "- failed tests/test_shapes.py::test_width: assert 3.0 == 2" in told
    assert "# Your test tests/test_area.py" in told
    assert "None fails that passes" in said(done)[3][1]


async def test_an_import_error_in_the_patch_is_a_regression(task: PublicTask, sandbox: Sandbox) -> None:
    script = [*SKIP, call("edit", changes=block("class Rectangle:", "class Rectangl:")), call("done")]
    done = await play(task, sandbox, ScriptedModel(script))
    assert "fail on your patch, twice:\n- error tests/test_shapes.py" in said(done)[1][1]


async def test_what_fails_on_the_base_too_is_no_regression(task: PublicTask, sandbox: Sandbox) -> None:
    await sandbox.write(
        "tests/test_shapes.py", b"import shapes\n\n\ndef test_old():\n    assert not shapes\n"
    )
    done = await play(task, sandbox, ScriptedModel([*SKIP, call("edit", **FIX), call("done")]))
    assert "0 pass, in tests/test_shapes.py. None fails that passes" in said(done)[1][1]


async def test_tests_of_others_are_shown_once_and_run_on_the_patch(
    task: PublicTask, sandbox: Sandbox
) -> None:
    right = SharedTest(
        TEST_PATH, FAILING.replace("2, 3", "4, 5").replace("== 2", "== 4").replace("6", "20"), author=3
    )
    wrong = SharedTest("tests/test_wrong.py", NEVER["content"], author=4)
    own = SharedTest(TEST_PATH, FAILING, author=5)
    shelf = Shelf(right, wrong, own, right)
    model = ScriptedModel(
        [*PROVE, call("edit", **FIX), call("edit", changes=block(NEW, f"{NEW}  #")), call("done")]
    )
    done = await play(task, sandbox, model, shelf=shelf)
    proved, first, second = (said(done)[at][1] for at in (0, 2, 3))
    assert "Other attempts at this issue wrote tests" in proved
    assert "4, 5" in proved
    assert FAILING not in proved
    assert "Other attempts at this issue" not in model.requests[2][1].content
    assert "The test of attempt 3 (" in first
    assert first.count("- all 2 passed") == 2
    assert "- failed tests/test_attempt_4_" in first
    assert "4, 5" in first
    assert "4, 5" not in second
    assert "attempt" not in done.diff


async def test_the_test_is_rewritten_in_the_edit_phase(task: PublicTask, sandbox: Sandbox) -> None:
    better = {"path": "tests/test_better.py", "content": FAILING.replace("test_area", "test_better")}
    passing = {"path": "tests/test_passing.py", "content": FAILING.replace("6", "5")}
    model = ScriptedModel(
        [
            *PROVE,
            call("write_test", **passing),
            call("edit", **FIX),
            call("write_test", **better),
            call("done"),
        ]
    )
    done = await play(task, sandbox, model)
    refused, rewritten = said(done)[2], said(done)[4]
    assert refused[0] == "error"
    assert "Your test is still the one before, tests/test_area.py." in refused[1]
    assert rewritten[1].startswith("Kept: 1 of 2 tests fail on the untouched repository")
    assert "On your patch:\n- all 2 passed" in rewritten[1]
    assert done.test_paths == ("tests/test_better.py",)
    assert "test_area.py" not in done.diff
    assert "test_passing" not in done.diff


async def test_done_on_an_empty_patch_is_refused_once(task: PublicTask, sandbox: Sandbox) -> None:
    script = [*PROVE, call("done", message="all well"), call("done", message="really")]
    done = await play(task, sandbox, ScriptedModel(script))
    assert said(done)[2][0] == "error"
    assert "your patch is empty" in said(done)[2][1]
    assert (done.exit_reason, done.message) == (ExitReason.GAVE_UP, "really")
    assert done.test_paths == (TEST_PATH,)


async def test_give_up(task: PublicTask, sandbox: Sandbox) -> None:
    done = await play(task, sandbox, ScriptedModel([*SKIP, call("give_up", reason="too hard")]))
    assert (done.exit_reason, done.message) == (ExitReason.GAVE_UP, "too hard")


async def test_the_end_of_the_time_keeps_the_edit(task: PublicTask, sandbox: Sandbox) -> None:
    slow = (
        FAILING
        + "\n\ndef test_slow():\n    import shapes, time\n"
        + "    while shapes.Rectangle(2, 3).area() == 6:\n        time.sleep(1)\n"
    )
    script = [call("write_test", path=TEST_PATH, content=slow), call("done"), call("edit", **FIX)]
    done = await play(task, sandbox, ScriptedModel(script), budget=Budget(steps=9, seconds=14))
    assert done.exit_reason is ExitReason.TIME_LIMIT
    assert "+        return self.width * self.height" in done.diff
    assert done.test_paths == (TEST_PATH,)


async def test_a_sandbox_that_dies(task: PublicTask, sandbox: Sandbox) -> None:
    class Closing(ScriptedModel):
        async def generate(self, *arguments: object) -> Reply:  # type: ignore[override]
            if len(self.requests) == 2:
                await sandbox.close()
            return await super().generate(*arguments)  # type: ignore[arg-type]

    script = [*SKIP, call("edit", **FIX), call("look", what="shapes.py")]
    done = await play(task, sandbox, Closing(script))
    assert done.exit_reason is ExitReason.SANDBOX_ERROR
    assert "+        return self.width * self.height" in done.diff


async def test_nothing_of_the_test_runs_is_left_in_the_patch(task: PublicTask, sandbox: Sandbox) -> None:
    messy = (
        "import pathlib\n\n\ndef test_mess():\n"
        "    pathlib.Path('left.py').write_text('x = 1')\n    assert False\n"
    )
    script = [
        call("write_test", path=TEST_PATH, content=messy),
        call("done"),
        call("edit", **FIX),
        call("done"),
    ]
    given = Assignment(task, sandbox, ScriptedModel(script), MemoryTape(), context=CONTEXT)
    done = await run_test_and_edit(given)
    assert "b/left.py" not in done.diff


async def test_files_are_deleted_and_renamed(task: PublicTask, sandbox: Sandbox) -> None:
    await sandbox.exec("printf 'echo 1\\n' > run.sh; chmod 755 run.sh", timeout=30)
    moved = "rename shapes.py -> lib/forms.py\n- `delete tabs.py`"
    script = [
        *SKIP,
        call("edit", files=moved, changes=block(OLD, NEW, "lib/forms.py")),
        call("edit", files="mv run.sh -> bin/start.sh", onto="base"),
        call("done"),
    ]
    done = await play(task, sandbox, ScriptedModel(script))
    assert [status for status, _ in said(done)] == ["ok", "ok", "ok", "ok"]
    first = said(done)[1][1]
    assert first.startswith("Changed shapes.py, lib/forms.py, tabs.py.")
    assert "+        return self.width * self.height" in first
    assert first.count("deleted file mode 100644") == 2
    assert "new file mode 100755" in done.diff
    assert "bin/start.sh" in done.diff
    assert "forms" not in done.diff
    assert "deleted" not in done.diff


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ("delete no.py", "`files`, no.py: there is no such file."),
        ("rename shapes.py -> tabs.py", "`files`, shapes.py: tabs.py exists already."),
        ("delete tests/test_shapes.py", "it belongs to the existing tests"),
        ("rename shapes.py -> tests/test_more.py", "it is named like a test"),
        ("delete tests", "tests is a folder."),
        ("shapes.py", "`files` has the line 'shapes.py'; a line is `delete PATH` or `rename OLD -> NEW`."),
    ],
)
async def test_files_that_stay_where_they_are(
    task: PublicTask, sandbox: Sandbox, files: str, reason: str
) -> None:
    script = [*SKIP, call("edit", files=files, changes=block(OLD, NEW)), call("give_up", reason="no")]
    done = await play(task, sandbox, ScriptedModel(script))
    assert reason in said(done)[1][1]
    assert said(done)[1][0] in ("error", "format_error")
    assert done.diff == ""
