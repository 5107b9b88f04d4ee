"""What an evaluation is to do: its order, kept in `evaluation.json`, and what the order comes to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from agent.messages import Value
from envs.sources import Choice, Source, chosen_tasks
from runs.failures import UsageError
from runs.predictions import Prediction, check_known, read_predictions
from runs.recipe import Recipe
from sandbox.hosts import check_name

FILE = "evaluation.json"


class Order(Value):
    """An evaluation's order, complete enough to be taken up again from its folder; paths are absolute."""

    predictions: str
    tasks: str
    instances: tuple[str, ...] = ()
    shuffle: bool = False
    seed: int = 0
    slice: str = ""
    shard: str = ""
    suite: Path | None = None
    image: str = ""
    """Instead of what rows name; `build` makes images of their pins."""
    sandbox: str = "auto"
    parallel: int = Field(default=2, ge=1)
    """Instances at one time."""
    reruns: int = Field(default=1, ge=1)
    """Runs of each; where they disagree, it is flaky."""
    timeout: float = Field(default=1800.0, gt=0)
    """Seconds for one run of an instance's tests."""
    memory_mb: int = Field(default=4096, ge=64)
    set_aside: Path | None = None
    check_environment: bool = False
    """Whether the reference fix is run where a patch is unresolved."""
    registry: str = ""
    platform: str = ""
    name: str = ""

    def conditions(self) -> Mapping[str, Any]:
        """Return what a verdict depends on beside the task and the patch."""
        names = {"image", "sandbox", "reruns", "timeout", "memory_mb", "check_environment", "platform"}
        return self.model_dump(include=names)

    def recipe(self) -> Recipe:
        """Return how sandboxes are made."""
        image = self.image if self.image != "build" else ""
        return Recipe(
            sandbox=self.sandbox, parallel=self.parallel, memory_mb=self.memory_mb, image=image or None
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order comes to, once all it names has been read and found right.

    `chosen` are the ids of the instances, `predictions` those for them; `set_aside` names tests by id.
    """

    order: Order
    source: Source
    chosen: tuple[str, ...]
    predictions: tuple[Prediction, ...]
    set_aside: Mapping[str, tuple[str, ...]]
    notices: tuple[str, ...]


def plan(order: Order) -> Plan:
    """Return what an order comes to; nothing is fetched but the list of tasks, and nothing is written.

    Raises:
        UsageError: the predictions, or the tests to set aside, are not right.
        TaskError: there is no such source or instance.
        UnknownSandboxError: there is no such sandbox.
    """
    check_name(order.sandbox)
    choice = Choice(order.instances, order.shuffle, order.seed, order.slice, order.shard)
    source, chosen = chosen_tasks(order.tasks, choice, order.suite, order.image)
    known = source.ids()
    found = read_predictions(order.predictions, known, chosen)
    aside = _read_aside(order.set_aside, known)
    wanted = set(chosen)
    kept = tuple(one for one in found if one.instance_id in wanted)
    if not kept:
        raise UsageError("there is nothing to evaluate: no prediction is for one of the chosen instances")
    notices = []
    if left := len(found) - len(kept):
        notices.append(f"{left} of {len(found)} predictions are for instances that were not chosen: left out")
    if missing := len(wanted) - len(kept):
        notices.append(f"{missing} of {len(wanted)} chosen instances have no prediction: incomplete")
    return Plan(order, source, tuple(chosen), kept, aside, tuple(notices))


def read_order(folder: Path) -> Order:
    """Return the order of the evaluation in a folder.

    Raises:
        UsageError: the folder holds none.
    """
    try:
        return Order.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"{FILE} is damaged"
        raise UsageError(f"{folder} holds no evaluation that can be resumed ({reason})") from error


def _read_aside(path: Path | None, known: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the tests to set aside by instance, as `mangabey tasks validate --write` writes them."""
    if path is None:
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is no JSON"
        raise UsageError(f"the tests to set aside cannot be read from {path}: {reason}") from error
    if not isinstance(data, dict) or not all(map(_are_names, data.values())):
        raise UsageError(f"{path} is no object of lists of tests by instance id")
    check_known(data, known, str(path))
    return {instance_id: tuple(tests) for instance_id, tests in data.items()}


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
