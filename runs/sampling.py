"""The trajectories of one issue: several at a time, each in its own fork of the base."""

from __future__ import annotations

import asyncio
import time

from agent.assignment import Assignment
from agent.budget import Budget
from agent.kinds import run_agent
from agent.messages import Sampling
from agent.models.base import Model
from agent.models.calling import open_model
from agent.models.errors import ModelError
from agent.speech import Dialect
from agent.trajectory import ExitReason, Trajectory, Turn
from envs.task import PublicTask
from runs.base_room import BaseRoom
from runs.dialect import settled_dialect
from runs.journal import Journal
from runs.progress import Listener, Noticed, SampleEnded, SampleTurned
from runs.recipe import Recipe
from runs.tape import JournalTape
from sandbox.base import SandboxError
from sandbox.forks import forked

INFRASTRUCTURE = (ExitReason.MODEL_ERROR, ExitReason.SANDBOX_ERROR)
"""Endings that say nothing about the issue; a resumed run takes such a trajectory up again."""


def recorded(journal: Journal) -> dict[int, Trajectory]:
    """Return the ended trajectories of a journal by sample; their turns are separate events."""
    return {
        event.data["sample"]: Trajectory.model_validate(event.data["trajectory"])
        for event in journal.of("trajectory")
    }


async def draw(
    task: PublicTask, room: BaseRoom, recipe: Recipe, context: str, journal: Journal, listen: Listener
) -> tuple[Trajectory, ...]:
    """Return one trajectory per sample, in order of samples; finished ones come from the journal.

    A trajectory that fails ends with its own exit reason and takes no other with it.

    Raises:
        UnknownModelError: the recipe's model has no backend.
        ModelError: every trajectory ended because the model failed.
        SandboxError: every trajectory ended because its sandbox failed.
        JournalError: a reply could not be recorded; no trajectory goes on without its record.
    """
    done = {n: one for n, one in recorded(journal).items() if one.exit_reason not in INFRASTRUCTURE}
    for sample, trajectory in sorted(done.items()):
        listen(_ended(sample, trajectory, replayed=True))
    missing = [sample for sample in range(recipe.samples) if sample not in done]
    if missing:
        model = open_model(recipe.model_for("edit"), recipe.patience(), lambda line: listen(Noticed(line)))
        dialect = await settled_dialect(model, journal)
        gate = asyncio.Semaphore(recipe.parallel)
        async with asyncio.TaskGroup() as group:
            drawn = {
                sample: group.create_task(
                    _one(sample, gate, task, room, model, dialect, recipe, context, journal, listen),
                    name=f"sample {sample}",
                )
                for sample in missing
            }
        done |= {sample: job.result() for sample, job in drawn.items()}
    _require_one_that_worked(tuple(done.values()))
    return tuple(done[sample] for sample in range(recipe.samples))


def _require_one_that_worked(trajectories: tuple[Trajectory, ...]) -> None:
    """Stop a run whose trajectories all died of the machinery: what is left would look like a result."""
    if all(one.exit_reason in INFRASTRUCTURE for one in trajectories):
        first = trajectories[0]
        kind = ModelError if first.exit_reason is ExitReason.MODEL_ERROR else SandboxError
        raise kind(
            f"all {len(trajectories)} trajectories ended with {first.exit_reason.value}: {first.message}"
        )


async def _one(
    sample: int,
    gate: asyncio.Semaphore,
    task: PublicTask,
    room: BaseRoom,
    model: Model,
    dialect: Dialect,
    recipe: Recipe,
    context: str,
    journal: Journal,
    listen: Listener,
) -> Trajectory:
    async with gate:
        began = time.monotonic()

        def on_turn(number: int, turn: Turn) -> None:
            listen(SampleTurned(sample, number, _headline(turn)))

        try:
            async with forked(await room.base()) as sandbox:
                trajectory = await run_agent(
                    Assignment(
                        task,
                        sandbox,
                        model,
                        JournalTape(journal, sample),
                        context=context,
                        budget=Budget(
                            steps=recipe.steps,
                            seconds=recipe.seconds,
                            dollars=recipe.dollars,
                            tokens=recipe.tokens,
                        ),
                        sampling=Sampling(
                            temperature=0.0 if sample == 0 else recipe.temperature,
                            seed=recipe.seed,
                            sample=sample,
                            session=task.instance_id,
                        ),
                        dialect=dialect,
                        on_turn=on_turn,
                    )
                )
        except SandboxError as error:
            trajectory = Trajectory(
                sample=sample,
                model=model.name,
                exit_reason=ExitReason.SANDBOX_ERROR,
                diff="",
                message=str(error),
                seconds=time.monotonic() - began,
            )
        if trajectory.exit_reason is ExitReason.CANCELLED:
            raise asyncio.CancelledError  # unfinished: a resumed run goes on from its last recorded reply
        stored = trajectory.model_copy(update={"turns": ()})
        await journal.append("trajectory", {"sample": sample, "trajectory": stored.model_dump(mode="json")})
        listen(_ended(sample, trajectory))
        return trajectory


def _headline(turn: Turn) -> str:
    text = turn.reply.text.strip().splitlines()
    if text:
        return text[0]
    return ", ".join(call.name for call in turn.actions) or "no action"


def _ended(sample: int, trajectory: Trajectory, *, replayed: bool = False) -> SampleEnded:
    return SampleEnded(sample, trajectory.exit_reason, trajectory.message, trajectory.seconds, replayed)
