"""The test-and-edit machine from its first look to its last diff."""

from __future__ import annotations

import itertools
import time

import pytest

from agent.base_runs import ForkedBase
from agent.budget import Budget
from agent.kinds import KINDS
from agent.kinds.test_and_edit import MachineSettings, run_test_and_edit
from agent.messages import Reply, Sampling
from agent.models.errors import ModelUnavailableError
from agent.models.scripted import ScriptedModel
from agent.shelf import SharedTest
from agent.trajectory import ExitReason
from envs.task import PublicTask
from sandbox.base import Sandbox
from sandbox.forks import forked
from tests.agent.kinds.machine_files import (
    FAILING,
    FIX,
    PROVE,
    SKIP,
    SOLVING,
    TEST,
    TEST_PATH,
    CountingBase,
    Shelf,
    call,
    play,
    said,
    text,
)


def test_defaults_are_the_published_ones() -> None:
    settings = MachineSettings()
    assert (settings.test_turns, settings.edit_turns) == (8, 8)
    assert settings.output == 8192
    assert KINDS["test-and-edit"] is run_test_and_edit


@pytest.mark.parametrize("native", [True, False])
async def test_solves(task: PublicTask, sandbox: Sandbox, native: bool) -> None:
    write = call if native else text
    script = [
        write("look", what="shapes.py:1-20\n- tests/test_shapes.py"),
        write("write_test", **TEST),
        write("done", message="5 for 6"),
        write("edit", **FIX),
        write("done", message="area multiplies"),
    ]
    model, shelf = ScriptedModel(script, native_tools=native), Shelf()
    done = await play(task, sandbox, model, shelf=shelf)
    assert (done.exit_reason, done.message) == (ExitReason.SUBMITTED, "area multiplies")
    assert done.test_paths == (TEST_PATH,)
    assert "+        return self.width * self.height" in done.diff
    assert "+    assert Rectangle(2, 3).area() == 6" in done.diff
    assert done.diff.count("diff --git") == 2
    assert [(test.path, test.content) for test in shelf.put_there] == [(TEST_PATH, FAILING)]
    assert "assert 5 == 6" in shelf.put_there[0].output

    looked, proved, _, edited, _ = [seen for _, seen in said(done)]
    assert looked.startswith('## shapes.py:1-20\n     1\t"""Shapes."""')
    assert "## tests/test_shapes.py\n     1\tfrom shapes import Rectangle" in looked
    assert proved.startswith(
        "Kept: 1 of 2 tests fail on the untouched repository, both times; 1 pass already."
    )
    assert "- failed tests/test_area.py::test_area: assert 5 == 6\n" in proved
    assert "test session starts" not in proved
    assert edited.startswith(
        "Changed shapes.py.\n\n# Your patch so far\n\ndiff --git a/shapes.py b/shapes.py"
    )
    before, _, after = edited.partition("On your patch:\n")
    assert "On the untouched repository:\n- failed tests/test_area.py::test_area: assert 5 == 6" in before
    assert after.startswith("- all 2 passed\n")
    assert "1 pass, in tests/test_shapes.py. None fails that passes on the untouched repository." in after


async def test_the_edit_phase_has_a_conversation_of_its_own(task: PublicTask, sandbox: Sandbox) -> None:
    model = ScriptedModel(SOLVING)
    await play(task, sandbox, model)
    assert [len(request) for request in model.requests] == [2, 4, 6, 2, 4]
    system, opening = model.requests[3]
    assert system.content.startswith("You fix an issue")
    assert "<looked>\n## shapes.py\n" in opening.content
    assert f"<test>\n{FAILING.rstrip()}\n</test>" in opening.content
    assert "<base>\nKept: 1 of 2 tests fail" in opening.content
    assert "Is that the reason" not in opening.content
    assert opening.content.endswith(" s]")
    assert "[budget left: 8 of 8 turns of this phase, 37 of 40 steps" in opening.content


async def test_what_trajectories_share_comes_first(task: PublicTask, sandbox: Sandbox) -> None:
    """Two samples of an issue differ behind all that is the issue's: instructions, issue, context."""
    other = [
        call("write_test", path="tests/test_b.py", content=FAILING.replace("2, 3", "1, 3").replace("6", "3")),
        call("done"),
        *SOLVING[3:],
    ]
    base = ForkedBase(sandbox, task.test_runner)
    first, second = ScriptedModel(SOLVING), ScriptedModel(other)
    fork = await sandbox.fork()
    long = "\n".join(f"pkg/module_{n}.py:1-9 function f{n}" for n in range(300))
    await play(task, sandbox, first, base=base, context=long)
    await play(task, fork, second, base=base, context=long, sampling=Sampling(sample=3, temperature=0.8))
    for one, others in ((first.requests[0], second.requests[0]), (first.requests[3], second.requests[2])):
        prompts = ["\n".join(message.content for message in request) for request in (one, others)]
        same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*prompts, strict=False))
        shared = sum(1 for _ in same)
        assert shared >= len(one[0].content) + len(long) + len(task.problem_statement)
        assert prompts[0].index("</context>") < shared
        assert shared > 0.75 * len(prompts[0])


RANDOM = "import os\n\n\ndef test_b():\n    assert os.urandom(9) == b'x'\n\n\n" + "\n\n\n".join(
    f"def test_coin_{n}():\n    assert os.urandom(1)[0] % 2\n" for n in range(20)
)
REFUSED = {
    "passes": (FAILING.replace("6", "5"), "all its tests pass on the untouched repository"),
    "not collected": ("from shapes import Circle\n\n\ndef test_a():\n    pass\n", "could not be collected"),
    "syntax": ("def test_a(:\n", "could not be collected"),
    "no test": ("x = 1\n", "pytest found no test in it"),
    "skipped": ("import pytest\n\n\ndef test_a():\n    pytest.skip('no')\n", "were skipped"),
    "hangs": ("import time\n\n\ndef test_a():\n    time.sleep(60)\n", "ran out of time"),
    "dies": ("import os\n\n\ndef test_a():\n    os.abort()\n", "ended from outside"),
    "own mistake": (
        "def test_a():\n    assert Rectangle(2, 3).area() == 6\n",
        "a name that it does not define",
    ),
    "fixture": (
        "import pytest\n@pytest.fixture\ndef area():\n    raise OSError('x')\ndef test_a(area):\n    pass\n",
        "broke before it came to a verdict: ",
    ),
    "random": (RANDOM, "two runs differ: "),
}


@pytest.mark.parametrize(("content", "reason"), REFUSED.values(), ids=REFUSED)
async def test_a_test_that_does_not_show_the_issue_is_sent_back(
    task: PublicTask, sandbox: Sandbox, content: str, reason: str
) -> None:
    script = [call("write_test", path=TEST_PATH, content=content), call("done"), *SKIP]
    base = ForkedBase(sandbox, task.test_runner, seconds=6 if "sleep" in content else 60)
    done = await play(task, sandbox, ScriptedModel(script), base=base)
    sent_back, refused, _ = said(done)
    assert sent_back[0] == "error"
    assert sent_back[1].startswith("Sent back and not kept: ")
    assert reason in sent_back[1]
    assert "You have no test yet." in sent_back[1]
    assert refused[0] == "error"
    assert refused[1].startswith("Refused: there is no test")
    assert (done.diff, done.test_paths) == ("", ())


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("tests/test_shapes.py", "is a file of the repository"),
        ("tests/area.py", "pytest would not collect"),
        ("../test_area.py", "outside of the repository"),
        (".git/test_area.py", "no part of a patch"),
    ],
)
async def test_where_a_test_may_not_lie(task: PublicTask, sandbox: Sandbox, path: str, reason: str) -> None:
    script = [call("write_test", path=path, content=FAILING), *SKIP]
    done = await play(task, sandbox, ScriptedModel(script))
    assert said(done)[0][0] == "error"
    assert reason in said(done)[0][1]


async def test_each_content_runs_twice_on_the_base_and_never_again(
    task: PublicTask, sandbox: Sandbox
) -> None:
    base = CountingBase(ForkedBase(sandbox, task.test_runner))
    await play(task, sandbox, ScriptedModel([*PROVE, *SOLVING[3:]]), base=base)
    assert base.asked[:2] == [(TEST_PATH, 0), (TEST_PATH, 1)]
    assert len(base.base._known) == 2


async def test_goes_on_without_a_test_and_keeps_the_reason(task: PublicTask, sandbox: Sandbox) -> None:
    model = ScriptedModel([call("write_test", **TEST), *SKIP, *SOLVING[3:]])
    done = await play(task, sandbox, model)
    assert "There is no test: nothing can be shown. You may still write one." in model.requests[2][1].content
    assert done.exit_reason is ExitReason.SUBMITTED
    assert done.test_paths == ()
    assert "test_area" not in done.diff
    assert "# Your test" not in said(done)[2][1]


async def test_the_test_phase_ends_with_its_turns(task: PublicTask, sandbox: Sandbox) -> None:
    """Replies that cannot be read are no turns; the edit phase begins without a word from the model."""
    unreadable = Reply(text="Let me think about it.")
    look = call("look", what="shapes.py")
    script = [look, unreadable, unreadable, look, *SOLVING[3:]]
    model = ScriptedModel(script)
    done = await play(task, sandbox, model, settings=MachineSettings(test_turns=2))
    assert done.exit_reason is ExitReason.SUBMITTED
    assert "[budget left: 1 of 2 turns of this phase" in model.requests[2][-1].content
    assert "[budget left: 1 of 2 turns of this phase" in model.requests[3][-1].content
    assert "There is no test: the turns for it were used up." in model.requests[4][1].content


async def test_a_kept_test_stands_when_the_turns_are_used(task: PublicTask, sandbox: Sandbox) -> None:
    model = ScriptedModel([PROVE[0], *SOLVING[3:]])
    done = await play(task, sandbox, model, settings=MachineSettings(test_turns=1))
    assert done.test_paths == (TEST_PATH,)
    assert "Your test, tests/test_area.py:" in model.requests[1][1].content


async def test_the_budget_bounds_both_phases(task: PublicTask, sandbox: Sandbox) -> None:
    look = call("look", what="shapes.py")
    model = ScriptedModel([look] * 6)
    done = await play(task, sandbox, model, budget=Budget(steps=5, seconds=60))
    assert done.exit_reason is ExitReason.STEP_LIMIT
    systems = [request[0].content[:9] for request in model.requests]
    assert systems == ["You show ", "You show ", "You fix a", "You fix a", "You fix a"]


async def test_prose_takes_no_more_than_half_of_the_steps(task: PublicTask, sandbox: Sandbox) -> None:
    prose = [Reply(text="I wonder."), Reply(text="Well."), call("look", what="shapes.py")]
    model = ScriptedModel([*prose, *prose, *prose[:2], call("edit", **FIX), call("done")])
    done = await play(task, sandbox, model, budget=Budget(steps=16, seconds=120))
    assert done.exit_reason is ExitReason.SUBMITTED
    assert [request[0].content[:9] for request in model.requests] == ["You show "] * 8 + ["You fix a"] * 2
    assert "[budget left: 1 of 8 turns of this phase" in model.requests[7][-1].content


async def test_a_test_that_hangs_on_the_patch_ends_with_its_time(task: PublicTask, sandbox: Sandbox) -> None:
    hangs = (
        FAILING
        + "\n\ndef test_waits():\n    import time\n    time.sleep(0 if Rectangle(2, 3).area() == 5 else 99)\n"
    )
    script = [
        call("write_test", path=TEST_PATH, content=hangs),
        call("done"),
        call("edit", **FIX),
        call("done"),
    ]
    shelf = Shelf(SharedTest("tests/test_others.py", hangs.replace("test_waits", "test_stays"), 4))
    began = time.monotonic()
    base = ForkedBase(sandbox, task.test_runner)
    for take in (0, 1):
        await base.run(TEST_PATH, hangs, take=take)
    async with forked(sandbox) as room:
        done = await play(task, room, ScriptedModel(script), shelf=shelf, base=base, test_seconds=8.0)
    told = done.turns[2].observations[0].text
    assert "test_waits" in told
    assert "timed_out" in told
    assert time.monotonic() - began < 90


async def test_it_may_edit_first_and_show_the_issue_then(task: PublicTask, sandbox: Sandbox) -> None:
    model = ScriptedModel([call("edit", **FIX), call("write_test", **TEST), call("done")])
    done = await play(task, sandbox, model, first_phase="edit")
    assert (done.exit_reason, done.test_paths) == (ExitReason.SUBMITTED, (TEST_PATH,))
    assert {request[0].content[:9] for request in model.requests} == {"You fix a"}
    assert "There is no test: this attempt edits first" in model.requests[0][1].content
    assert "16 of 16 turns of this phase" in model.requests[0][1].content
    assert "On your patch:\n- all 2 passed" in done.turns[1].observations[0].text


async def test_a_seed_is_shown_once_in_each_phase(task: PublicTask, sandbox: Sandbox) -> None:
    seed = SharedTest("tests/test_sign.py", FAILING.replace("test_area", "test_seeded"), 3)
    model = ScriptedModel([*PROVE, call("edit", **FIX), call("done")])
    done = await play(task, sandbox, model, seed=(seed,), shelf=Shelf(seed))
    for request in (model.requests[1], model.requests[3]):
        assert "".join(message.content for message in request).count("def test_seeded()") == 1
    assert "def test_seeded()" not in "".join(text for _, text in said(done))
    assert "The test of attempt 3 (" in said(done)[2][1]


async def test_the_edit_phase_ends_with_its_turns_and_keeps_the_patch(
    task: PublicTask, sandbox: Sandbox
) -> None:
    model = ScriptedModel([*SKIP, call("edit", **FIX), call("look", what="shapes.py")])
    done = await play(task, sandbox, model, settings=MachineSettings(edit_turns=2))
    assert done.exit_reason is ExitReason.STEP_LIMIT
    assert "all 2 turns of the phase are used" in done.message
    assert "+        return self.width * self.height" in done.diff


async def test_a_failing_model_keeps_the_patch(task: PublicTask, sandbox: Sandbox) -> None:
    script = [*PROVE, call("edit", **FIX), ModelUnavailableError("no network")]
    done = await play(task, sandbox, ScriptedModel(script))
    assert done.exit_reason is ExitReason.MODEL_ERROR
    assert "+        return self.width * self.height" in done.diff
    assert done.test_paths == (TEST_PATH,)
