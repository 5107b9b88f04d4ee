"""Evaluating predictions: each instance graded in its own sandboxes, several at a time, and kept on disk."""

from __future__ import annotations

import asyncio
import fcntl
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from envs.git import GitError
from envs.grade import Grade, GradeStatus
from envs.reference import fingerprint, reference_patch, setting_aside
from envs.task import Task, TaskError
from runs.base_room import BaseRoom
from runs.evaluation_order import FILE, Plan
from runs.failures import UsageError
from runs.folder import write_json, write_text
from runs.graded import Graded, Surroundings, graded, key_of, read_graded, write_graded
from runs.predictions import Prediction
from runs.progress import Noticed
from runs.surroundings import surroundings_of
from sandbox.base import SandboxError

if TYPE_CHECKING:
    from envs.prepare import Prepared

_SUSPECT = frozenset({GradeStatus.UNRESOLVED, GradeStatus.TIMED_OUT})
"""What a broken environment can make of a patch that is right."""


@dataclass(frozen=True, slots=True)
class Began:
    """An instance is being looked at."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An instance has its grade; `kept` when it had it before."""

    graded: Graded
    kept: bool


Step = Began | Ended | Noticed
Listener = Callable[[Step], None]


@contextmanager
def opened(folder: Path, plan: Plan) -> Iterator[None]:
    """Hold an evaluation's folder, with its order in it, for this process alone.

    Raises:
        UsageError: it holds a run that is no evaluation, or another process is at work in it.
    """
    if (folder / "run.json").exists():
        raise UsageError(f"{folder} holds a run of `mangabey solve`; choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(f"{folder} is in use by another evaluation; wait or choose another") from error
        write_text(folder / ".gitignore", "*\n")
        write_json(folder / FILE, plan.order.model_dump(mode="json"))
        yield


async def evaluate(plan: Plan, folder: Path, home: Path, listen: Listener) -> list[Graded]:
    """Grade every prediction of a plan and return the grades in its order; final ones in the folder are kept.

    What goes wrong with one instance is that instance's status, and the others go on.

    Args:
        plan: what to grade.
        folder: gets a folder for each instance; see `opened`.
        home: the cache folder.
        listen: is told when an instance begins and ends.

    Raises:
        OSError: a grade cannot be written.
    """
    slots = asyncio.Semaphore(plan.order.parallel)

    async def one(prediction: Prediction) -> Graded:
        async with slots:
            return await _Evaluation(plan, folder, home, listen, prediction).run()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(prediction)) for prediction in plan.predictions]
    return [task.result() for task in tasks]


@dataclass(slots=True)
class _Evaluation:
    """One instance's way from its prediction to its grade on disk."""

    plan: Plan
    folder: Path
    home: Path
    listen: Listener
    prediction: Prediction
    key: str = ""
    image: str = ""

    async def run(self) -> Graded:
        began = time.monotonic()
        name = self.prediction.instance_id
        self.listen(Began(name))
        surroundings = Surroundings()
        try:
            found = await self._graded_or_kept()
            if isinstance(found, Graded):
                self.listen(Ended(found, kept=True))
                return found
            grade, surroundings = found
        except TaskError as error:
            grade = Grade(name, GradeStatus.ENVIRONMENT_BROKEN, message=_line(error), log=error.log)
        except GitError as error:
            grade = Grade(name, GradeStatus.ENVIRONMENT_BROKEN, message=_line(error))
        except (SandboxError, OSError) as error:
            grade = Grade(name, GradeStatus.INFRASTRUCTURE, message=_line(error))
        except Exception as error:  # one instance's defect must not stop the others
            message = f"a defect of Mangabey ({type(error).__name__}: {_line(error)}); please report its log"
            trace = traceback.format_exc()
            grade = Grade(name, GradeStatus.INFRASTRUCTURE, message=message, log=trace)
        if not surroundings.image:
            surroundings = replace(surroundings, image=self.image)
        seconds = time.monotonic() - began
        model = self.prediction.model
        one = await asyncio.to_thread(graded, grade, model, self.key, seconds, surroundings)
        await asyncio.shield(asyncio.to_thread(write_graded, self.folder, one, grade.log))
        self.listen(Ended(one, kept=False))
        return one

    async def _graded_or_kept(self) -> Graded | tuple[Grade, Surroundings]:
        prediction, order = self.prediction, self.plan.order
        name = prediction.instance_id
        if not prediction.reference and not prediction.model_patch.strip():
            empty = Grade(name, GradeStatus.EMPTY_PATCH, message="the patch changes nothing")
            return empty, await surroundings_of("", docker=False)
        task, repository = await self.plan.source.load(name, self.home)
        for notice in task.extra.get("notices", ()):
            self.listen(Noticed(notice))
        self.image = task.environment.image or order.recipe().image or ""
        task = setting_aside(task, self.plan.set_aside.get(name, ()))
        patch = reference_patch(task) if prediction.reference else prediction.model_patch
        self.key = await asyncio.to_thread(lambda: key_of(patch, fingerprint(task), order))
        known = await asyncio.to_thread(read_graded, self.folder, name, self.key)
        if known is not None:
            return known
        async with BaseRoom(task, repository, order.recipe(), self.home, self.folder.name) as room:
            return await self._in_room(task, room, patch)

    async def _in_room(self, task: Task, room: BaseRoom, patch: str) -> tuple[Grade, Surroundings]:
        prepared, host = await room.prepared(), await room.host()
        found = await self._grade(task, prepared, room, patch)
        if self.plan.order.check_environment and found.status in _SUSPECT:
            found = await self._checked(task, prepared, room, found)
        return found, await surroundings_of(self.image, docker=host.name == "docker")

    async def _grade(self, task: Task, prepared: Prepared, room: BaseRoom, patch: str) -> Grade:
        from envs.grading import grade

        order, host = self.plan.order, await room.host()
        return await grade(
            task, prepared, host, patch, limits=room.limits, reruns=order.reruns, seconds=order.timeout
        )

    async def _checked(self, task: Task, prepared: Prepared, room: BaseRoom, found: Grade) -> Grade:
        """Return a failing patch's grade; where the task's own fix fails too, of a broken environment."""
        if self.prediction.reference:
            message = "the reference fix does not pass here"
            return replace(found, status=GradeStatus.ENVIRONMENT_BROKEN, message=message)
        fix = await self._grade(task, prepared, room, reference_patch(task))
        if fix.resolved:
            return found
        message = f"the reference fix does not pass here either ({fix.status.value}: {fix.summary})"
        return replace(found, status=GradeStatus.ENVIRONMENT_BROKEN, message=message)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
