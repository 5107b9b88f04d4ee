"""The refiner: a tool agent that starts from what earlier attempts left.

With one earlier attempt its patch lies in the working tree: sequential refinement as by EvoScale's mutation,
but with tools and with what tests said. With several the tree is clean and all are told, as structured
summaries: parallel attempts distilled for one that refines ("parallel-distil-refine").
"""

from __future__ import annotations

import contextlib

from agent import prompts
from agent.assignment import Assignment, EarlierAttempt
from agent.earlier_attempts import shown_alone, shown_together
from agent.endings import Ending, ending_of_call
from agent.kinds.tool_agent import patching
from agent.played import played
from agent.talk import Talk
from agent.trajectory import Trajectory
from sandbox.base import PatchError, Sandbox, SandboxFileError


async def run_refiner(given: Assignment) -> Trajectory:
    """Let a model improve on earlier attempts, and return what it did; see `agent.played.played`.

    The diff is whole, against the base. Without an earlier attempt it is a tool agent.
    """
    return await played(given, _work)


async def _work(talk: Talk) -> Ending:
    given = talk.given
    match given.earlier:
        case ():
            phase = patching(talk, prompts.EDIT)
        case (one,):
            state = await _put_in_place(given.sandbox, one)
            talk.diff = await given.sandbox.diff()
            work = prompts.REFINE.format(
                edit=prompts.EDIT, ended=one.exit_reason, state=state, attempt=shown_alone(one)
            )
            phase = patching(talk, work)
            phase.bench.written_tests.extend(test.path for test in one.tests)
        case several:
            work = prompts.COMPARE.format(
                edit=prompts.EDIT, count=len(several), attempts=shown_together(several)
            )
            phase = patching(talk, work)
    return ending_of_call(await talk.through(phase))


async def _put_in_place(sandbox: Sandbox, attempt: EarlierAttempt) -> str:
    """Bring the tree to where an attempt ended, and return in words how far that went.

    Raises:
        SandboxGoneError: the sandbox is gone.
    """
    for test in attempt.tests:
        with contextlib.suppress(SandboxFileError):
            await sandbox.write(test.path, test.content.encode("utf-8", "surrogateescape"))
    if not attempt.patch.strip():
        return prompts.NO_PATCH
    try:
        await sandbox.apply_patch(attempt.patch)
    except PatchError as error:
        return prompts.NOT_APPLIED.format(why=" ".join(str(error).split()))
    return prompts.APPLIED
