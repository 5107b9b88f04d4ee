"""Trajectories that start from earlier attempts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from agent.assignment import EarlierAttempt
from agent.earlier_attempts import shown_together, trimmed_patch
from agent.kinds import KINDS
from agent.models.scripted import ScriptedModel
from agent.shelf import SharedTest
from agent.trajectory import ExitReason, Trajectory
from envs.task import PublicTask
from sandbox.base import Sandbox
from tests.agent.kinds.playing import FIX, TEST, calls, play

PATCH = """\
diff --git a/shapes.py b/shapes.py
--- a/shapes.py
+++ b/shapes.py
@@ -8,8 +8,8 @@
         self.width = width
         self.height = height
{blank}
     def area(self):
-        return self.width + self.height
+        return abs(self.width * self.height)
{blank}
{blank}
 def unit_square():
""".format(blank=" ")
EARLIER = EarlierAttempt(
    sample=2,
    exit_reason=ExitReason.SUBMITTED,
    patch=PATCH,
    tests=(SharedTest(TEST["path"], TEST["content"], 2),),
    failures="tests/test_sign.py::test_sign failed: assert 6 == -6",
    summary="area multiplies now",
)
MEND = {**FIX, "old": "abs(self.width * self.height)"}


async def refined(
    task: PublicTask, sandbox: Sandbox, model: ScriptedModel, *earlier: EarlierAttempt, **options: Any
) -> Trajectory:
    return await play(task, sandbox, model, kind=KINDS["refiner"], earlier=earlier, **options)


async def test_goes_on_from_one_attempt(task: PublicTask, sandbox: Sandbox) -> None:
    model = ScriptedModel([calls(("edit", MEND)), calls(("submit", {}))])
    done = await refined(task, sandbox, model, EARLIER)
    opening = model.requests[0][1].content
    assert "Its patch and its tests are in the working tree." in opening
    assert f"<patch>\n{PATCH.strip()}\n</patch>" in opening
    assert "<failures>\ntests/test_sign.py::test_sign failed" in opening
    assert "<summary>\narea multiplies now\n</summary>" in opening
    assert done.exit_reason is ExitReason.SUBMITTED
    assert done.test_paths == (TEST["path"],)
    assert "-        return self.width + self.height" in done.diff
    assert "+        return self.width * self.height" in done.diff
    assert "+    assert Rectangle(2, 3).area() == 6" in done.diff


async def test_its_tests_may_be_written_again(task: PublicTask, sandbox: Sandbox) -> None:
    again = ("write_test", {**TEST, "content": TEST["content"].replace("6", "2 * 3")})
    done = await refined(task, sandbox, ScriptedModel([calls(again), calls(("submit", {}))]), EARLIER)
    assert done.turns[0].observations[0].status == "ok"
    assert "== 2 * 3" in done.diff


async def test_a_patch_that_does_not_apply_is_told(task: PublicTask, sandbox: Sandbox) -> None:
    broken = replace(EARLIER, patch=PATCH.replace("self.width + self.height", "nothing of the kind"))
    model = ScriptedModel([calls(("edit", FIX)), calls(("submit", {}))])
    done = await refined(task, sandbox, model, broken)
    assert "Its patch does not apply (" in model.requests[0][1].content
    assert done.exit_reason is ExitReason.SUBMITTED
    assert "self.width * self.height" in done.diff


@pytest.mark.parametrize("patch", ["", "no patch at all", "diff --git a/gone.py b/gone.py\n"])
async def test_any_patch_text_is_survived(task: PublicTask, sandbox: Sandbox, patch: str) -> None:
    earlier = replace(
        EARLIER, patch=patch, tests=(SharedTest("../x.py", "", 1), SharedTest("shapes.py/x", "", 1))
    )
    done = await refined(task, sandbox, ScriptedModel([calls(("submit", {}))]), earlier)
    assert done.exit_reason is ExitReason.SUBMITTED
    assert done.diff == ""


async def test_the_attempt_is_kept_when_the_model_fails_at_once(task: PublicTask, sandbox: Sandbox) -> None:
    done = await refined(task, sandbox, ScriptedModel([]), EARLIER)
    assert done.exit_reason is ExitReason.MODEL_ERROR
    assert "abs(self.width * self.height)" in done.diff


async def test_several_attempts_are_compared_on_a_clean_base(task: PublicTask, sandbox: Sandbox) -> None:
    other = replace(
        EARLIER, sample=5, exit_reason=ExitReason.STEP_LIMIT, patch="", failures="", summary="lost"
    )
    model = ScriptedModel([calls(("bash", {"command": "git status --short"})), calls(("submit", {}))])
    done = await refined(task, sandbox, model, EARLIER, other)
    opening = model.requests[0][1].content
    assert '<attempt number="1" ended="submitted">' in opening
    assert '<attempt number="2" ended="step_limit">\n<patch>\n(none)\n</patch>' in opening
    assert "what the attempts have in common" in opening
    assert done.turns[0].observations[0].text == "[exit code 0]"
    assert done.diff == ""


OTHERS = SharedTest("tests/test_sign.py", "def test_sign():\n    assert Rectangle(-2, 3).area() == -6\n", -1)


async def test_the_texts_of_tests_that_are_not_in_the_tree_are_shown(
    task: PublicTask, sandbox: Sandbox
) -> None:
    alone, several = ScriptedModel([calls(("submit", {}))]), ScriptedModel([calls(("submit", {}))])
    failing = replace(EARLIER, against=(OTHERS,))
    await refined(task, sandbox, alone, failing)
    assert f"<tests>\ntests/test_sign.py, by another attempt, not in the working tree:\n{OTHERS.content}" in (
        alone.requests[0][1].content
    )
    assert TEST["content"] not in alone.requests[0][1].content  # it is in the tree
    await refined(task, sandbox, several, failing, replace(EARLIER, sample=5))
    opening = several.requests[0][1].content
    assert f"{TEST['path']}, by attempts 1, 2:\n{TEST['content']}" in opening
    assert opening.count(TEST["content"]) == opening.count(OTHERS.content.rstrip()) == 1
    assert "none of\ntheir tests is in it" in opening


async def test_without_attempts_it_is_a_tool_agent(task: PublicTask, sandbox: Sandbox) -> None:
    refining, plain = ScriptedModel([calls(("submit", {}))]), ScriptedModel([calls(("submit", {}))])
    await refined(task, sandbox, refining)
    await play(task, sandbox, plain)
    assert refining.requests == plain.requests


def test_long_patches_are_trimmed_by_whole_files() -> None:
    big = PATCH.replace("shapes.py", "big.py") + "+" * 9_000 + "\n"
    shown = trimmed_patch(PATCH + big + PATCH.replace("shapes.py", "other.py"), 2_000)
    assert PATCH.strip() in shown
    assert "other.py" in shown
    assert "[not shown: big.py, modified, 14 lines]" in shown
    assert "+++++" not in shown
    assert trimmed_patch(PATCH, 2_000) == PATCH.strip("\n")


@pytest.mark.parametrize("count", [2, 5, 50])
def test_many_attempts_share_the_room(count: int) -> None:
    long = replace(EARLIER, patch=PATCH * 200, failures="f" * 90_000, summary="s" * 90_000)
    assert len(shown_together((long,) * count)) < 80_000 + 5_000 * count
