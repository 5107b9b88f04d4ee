"""The sandbox in which one patch is graded: the base, the patch, and the official tests in their place."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from envs.applying import apply_edits, apply_prediction
from envs.patches import split
from envs.prepare import Prepared, prepared_base
from envs.restore import restore_tests
from envs.task import Grading, Task
from sandbox.base import Limits, PatchError, Sandbox, SandboxHost, Status

_INSTALL_SECONDS = 1800.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Why the tests cannot be run: the patch or the tests have no place, or it cannot be installed."""

    message: str
    patch_applied: bool


@asynccontextmanager
async def grading_room(
    task: Task, prepared: Prepared, host: SandboxHost, limits: Limits
) -> AsyncIterator[Sandbox]:
    """Open a sandbox at the clean base, in which nothing of a patch has run."""
    room = await prepared_base(task, prepared.grading, host, limits)
    try:
        yield room
    finally:
        await asyncio.shield(room.close())


async def put_in_place(
    room: Sandbox, task: Task, grading: Grading, prepared: Prepared, patch: str
) -> Unplaced | None:
    """Apply a patch, then the environment's own edits, install, and put the official tests in place.

    What the patch did to the official tests, and to files that decide how tests run, is undone first.

    Returns:
        None, or why the tests cannot be run.

    Raises:
        SandboxError: the sandbox failed.
    """
    try:
        await apply_prediction(room, patch)
    except PatchError as error:
        return Unplaced(str(error), patch_applied=False)
    if missed := await apply_edits(room, prepared.edits):
        _log.warning("%s: the environment's edits have no place in %s", task.instance_id, ", ".join(missed))
    build = None if task.environment.image else task.environment.build
    if install := (build.install if build else ()):
        done = await room.exec("set -e\n" + "\n".join(install), timeout=_INSTALL_SECONDS)
        if done.status is not Status.EXITED or done.exit_code:
            last = (done.text.strip().splitlines() or [done.status.value])[-1]
            return Unplaced(f"the patched repository cannot be installed: {last[:300]}", patch_applied=True)
    hidden = tuple(dict.fromkeys([*grading.test_files, *(part.path for part in split(grading.test_patch))]))
    try:
        # the files of the image: with its edits, and where it has none with what agents do not get
        files = prepared.root.tree if prepared.edits else prepared.grading.tree
        await restore_tests(room, files, hidden, task.environment.hidden)
        if grading.test_patch and not grading.eval_script:
            await room.apply_patch(grading.test_patch)
    except PatchError as error:
        return Unplaced(f"the official tests have no place: {error}", patch_applied=True)
    return None
