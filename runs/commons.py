"""What all issues that are solved in one process share: bounds on what goes on at one time, and the purse."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from agent.models.base import Model
from agent.models.calling import open_model
from agent.models.pace import AdaptivePace
from runs.purse import RunPurse
from runs.recipe import Allowance, Recipe
from sandbox.base import Limits
from sandbox.sizing import Machine
from sandbox.slots import Slots

_SHARED = 0.8
"""This part of the free memory may be used by sandboxes; see `sandbox.sizing`."""
_EACH_CORE = 4
"""Trajectories a core carries: most of the time they wait for their model."""
_FIRST_CALLS = 32


class Paces:
    """One pace for each endpoint, whichever issues and roles ask it."""

    def __init__(self, most: int) -> None:
        self.by_endpoint: dict[str, AdaptivePace] = {}
        self._most = most

    def of(self, name: str) -> AdaptivePace:
        """Return the pace of a backend; models at one address share one."""
        endpoint = name.rpartition("@")[2]
        if endpoint not in self.by_endpoint:
            self.by_endpoint[endpoint] = AdaptivePace(endpoint, first=_FIRST_CALLS, most=self._most)
        return self.by_endpoint[endpoint]


@dataclass(frozen=True, slots=True)
class Commons:
    """What issues that are solved side by side share.

    Attributes:
        sandboxes: bounds trajectories, each with its sandbox.
        tests: bounds the commands of test matrices; those of trajectories count as their sandboxes.
        pulls: bounds images that are fetched.
        paces: bound model calls, by endpoint.
        limits: what each sandbox may use.
        purse: what the whole run may spend.
        comes_again: whether an issue that fails comes once more, with its journal, when others are done.
    """

    sandboxes: Slots
    tests: Slots
    pulls: Slots
    paces: Paces
    limits: Limits
    purse: RunPurse = field(default_factory=lambda: RunPurse(Allowance()))
    comes_again: bool = False

    def open(self, name: str, recipe: Recipe, say: Callable[[str], None]) -> Model:
        """Return a model whose calls keep the endpoint's pace; see `open_model`."""
        return open_model(name, recipe.patience(), say, self.paces.of)


def sandboxes_for(machine: Machine, recipe: Recipe) -> int:
    """Return how many trajectories a machine carries at one time, by its cores and free memory."""
    by_memory = int(machine.memory * _SHARED) // (recipe.memory_mb << 20)
    return max(1, min(by_memory, _EACH_CORE * machine.cores))


def commands_for(machine: Machine) -> int:
    """Return how many test commands a machine runs at one time: one for each core, and two at least."""
    return max(2, machine.cores or os.cpu_count() or 2)
