"""What a batch is to do, as `run.json` keeps it, and what of it may not change while it is gone on with."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from agent.messages import Value
from envs.sources import Choice
from envs.sources.registry import source_name
from runs.batch.digests import digest_of, digest_of_code, files_of, files_of_model
from runs.failures import UsageError
from runs.folder import write_json, write_text
from runs.job import Job
from runs.recipe import Allowance, Recipe

FILE = "run.json"
_MOST_LINES = 20


class Order(Value):
    """A batch's order, complete; paths are absolute and numbers finite."""

    model_config = ConfigDict(allow_inf_nan=False)

    tasks: str
    instances: tuple[str, ...] = ()
    shuffle: bool = False
    seed: int = 0
    slice: str = ""
    shard: str = ""
    suite: Path | None = None
    recipe: Recipe
    registry: str = ""
    platform: str = ""
    limit: Allowance = Allowance()
    """What all issues together may spend."""
    limit_time: float | None = Field(default=None, gt=0)
    """Seconds one call of the command may take."""
    issue_seconds: float = Field(default=14400.0, gt=0)
    """Wall time one issue may take in one attempt."""
    quiet_seconds: float = Field(default=3600.0, gt=0)
    """Wall time without any event after which an issue counts as stuck."""
    parallel: int | None = Field(default=None, ge=1)
    """Issues at one time; None for as many as the sandboxes carry."""
    sandboxes: int | None = Field(default=None, ge=1)
    """Trajectories at one time, of all issues; None for what cores and memory carry."""
    tests: int | None = Field(default=None, ge=1)
    """Test commands at one time; None for the cores."""
    calls: int = Field(default=512, ge=1)
    """Most model calls at one time at one endpoint."""
    pulls: int = Field(default=2, ge=1)
    """Images fetched at one time."""
    disk_budget: float | None = Field(default=None, gt=0)
    """Gigabytes that images of the data set may take; None keeps them all."""
    executor: Literal["local", "ray"] = "local"
    address: str = ""
    """Of a Ray cluster; empty starts one here."""
    shared: bool = True
    """Whether all nodes of a cluster see the batch's folder; else each works in one of its own."""

    def choice(self) -> Choice:
        """Return which instances are chosen."""
        return Choice(self.instances, self.shuffle, self.seed, self.slice, self.shard)

    def job(self, instance_id: str, source: str, home: Path) -> Job:
        """Return the work order of one instance."""
        return Job(recipe=self.recipe, home=home, task=f"{source}/{instance_id}", suite=self.suite)

    def conditions(self) -> dict[str, str]:
        """Return what results depend on, by dotted key: tasks, recipe, models, code, and named files."""
        from mangabey import __version__

        recipe = self.recipe.model_dump(mode="json", exclude={"parallel", "name", "about"})
        found: dict[str, Any] = {"tasks": self.tasks, "suite": str(self.suite or ""), "recipe": recipe}
        found |= {"registry": self.registry, "platform": self.platform}
        found |= {"mangabey": {"version": __version__, "code": digest_of_code()}}
        found["files"] = {str(path): digest_of(path) for path in self._files()}
        return dict(_flat(found))

    def _files(self) -> Iterator[Path]:
        """Yield the user's own files that are named in the order."""
        recipe = self.recipe
        if self.suite:
            yield from files_of(str(self.suite))
        for name in (source_name(self.tasks), recipe.sandbox, recipe.image, recipe.selection.system):
            yield from files_of(name or "")
        for name in recipe.model_names():
            yield from files_of_model(name)


def write_order(folder: Path, order: Order) -> None:
    """Write `run.json`: the resolved order, and what results depend on."""
    data = {
        "batch": order.model_dump(mode="json"),
        "conditions": order.conditions(),
        "python_version": platform.python_version(),
        "platform": platform.platform(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(folder / FILE, data)
    write_text(folder / ".gitignore", "*\n")


def read_order(folder: Path) -> Order:
    """Return the order of the batch in a folder.

    Raises:
        UsageError: the folder holds none.
    """
    try:
        return Order.model_validate(_read(folder)["batch"])
    except (KeyError, TypeError, ValidationError) as error:
        raise UsageError(f"{folder} holds no batch (its {FILE} is another run's, or damaged)") from error


def check_drift(folder: Path, order: Order) -> tuple[str, ...]:
    """Return how an order differs from the one a folder was begun with, in what results depend on.

    Raises:
        UsageError: the folder holds another kind of run, or is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; --out names a folder")
    if not (folder / FILE).exists():
        if (folder / "evaluation.json").exists():
            raise UsageError(f"{folder} holds an evaluation; choose another --out")
        return ()
    return differences(conditions_in(folder), order.conditions())


def conditions_in(folder: Path) -> dict[str, str]:
    """Return what the results of the batch in a folder depend on, by dotted key.

    Raises:
        UsageError: the folder holds none.
    """
    known = _read(folder).get("conditions")
    if not isinstance(known, dict):
        raise UsageError(f"{folder} holds a run that is no batch; choose another folder")
    return known


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[str, ...]:
    """Return one line for each key whose value differs."""
    keys = sorted({*before, *after})
    lines = [
        f"{key}: {before.get(key, 'nothing')} -> {after.get(key, 'nothing')}"
        for key in keys
        if before.get(key) != after.get(key)
    ]
    more = len(lines) - _MOST_LINES
    return (*lines[:_MOST_LINES], *([f"and {more} more"] if more > 0 else []))


def _read(folder: Path) -> dict[str, Any]:
    try:
        data = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{folder} holds no run that can be read ({error})") from error
    return data if isinstance(data, dict) else {}


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _flat(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _flat(item, f"{key}.{number}")
    else:
        yield key, str(value)
