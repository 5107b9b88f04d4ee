"""What an order comes to: which issues there are, which are done, and what the rest may need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from envs.sources import Source, chosen_tasks
from envs.sources.registry import source_name
from runs.base_room import sandbox_limits
from runs.batch.order import Order
from runs.batch.outcome import Outcome, read_outcome
from runs.commons import Commons, Paces, commands_for, sandboxes_for
from runs.crews import require_kinds
from runs.purse import RunPurse
from runs.recipe import Recipe
from sandbox.hosts import check_name
from sandbox.sizing import Machine, this_machine
from sandbox.slots import Slots


@dataclass(frozen=True, slots=True)
class Plan:
    """An order with all it names found.

    `chosen` are the ids of the instances, `known` the outcomes they have; `parallel` is issues at one time on
    this machine.
    """

    order: Order
    source: Source
    source_name: str
    chosen: tuple[str, ...]
    known: Mapping[str, Outcome]
    parallel: int
    sandboxes: int
    tests: int

    @property
    def waiting(self) -> tuple[str, ...]:
        """The ids that are worked on: those without an outcome first, then those that failed."""
        new = [one for one in self.chosen if one not in self.known]
        failed = [one for one in self.chosen if one in self.known and not self.known[one].is_final]
        return (*new, *failed)

    def commons(self) -> Commons:
        """Return what issues of this process share."""
        return Commons(
            sandboxes=Slots("sandboxes", self.sandboxes, "a sandbox"),
            tests=Slots("tests", self.tests, "a turn to run tests"),
            pulls=Slots("pulls", self.order.pulls, "a turn to fetch images"),
            paces=Paces(self.order.calls),
            limits=sandbox_limits(self.order.recipe, self.sandboxes),
            purse=RunPurse(self.order.limit),
            comes_again=True,
        )


def plan(order: Order, folder: Path) -> Plan:
    """Return what an order comes to; nothing is fetched but the list of tasks, and nothing is written.

    Raises:
        TaskError: there is no such source or instance.
        UsageError: a crew's kind of trajectory is not known.
        UnknownModelError: a model has no backend.
        UnknownSandboxError: there is no such sandbox.
    """
    from agent.models.calling import open_model

    require_kinds(order.recipe)
    for name in order.recipe.model_names():
        open_model(name)
    check_name(order.recipe.sandbox)
    source, chosen = chosen_tasks(order.tasks, order.choice(), order.suite, order.recipe.image or "")
    found = {one: read_outcome(folder, one) for one in chosen}
    machine = this_machine()
    sandboxes = order.sandboxes or sandboxes_for(machine, order.recipe)
    return Plan(
        order=order,
        source=source,
        source_name=source_name(order.tasks),
        chosen=tuple(chosen),
        known={one: outcome for one, outcome in found.items() if outcome is not None},
        parallel=order.parallel or _issues_for(sandboxes, order.recipe),
        sandboxes=sandboxes,
        tests=order.tests or commands_for(machine),
    )


def _issues_for(sandboxes: int, recipe: Recipe) -> int:
    """Return how many issues fill so many sandboxes; one more keeps them busy while another is judged."""
    each = trajectories_at_one_time(recipe)
    return max(1, -(-sandboxes // each) + (sandboxes > each))


def trajectories_at_one_time(recipe: Recipe) -> int:
    """Return how many trajectories of one issue run side by side."""
    return min(recipe.parallel, sum(crew.samples for crew in recipe.crews))


def machine_line(machine: Machine) -> str:
    """Return a machine in one line."""
    return (
        f"{machine.cores} cores, {machine.memory >> 30} GiB of memory free, {machine.disk >> 30} GiB of disk"
    )


def mean(values: Sequence[float]) -> float | None:
    """Return the mean, None of nothing."""
    return sum(values) / len(values) if values else None
