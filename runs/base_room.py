"""The prepared base of one task: made when first needed, forked from ever after."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from envs.task import Task
from runs.commons import Commons
from runs.recipe import Recipe
from sandbox.base import Limits, Root, Sandbox, SandboxError, SandboxHost
from sandbox.sizing import fitted, this_machine
from sandbox.slots import SlottedSandbox

if TYPE_CHECKING:
    from envs.prepare import Prepared

_AT_ONCE = 2
"""Sandboxes of one trajectory at one time: its own, and a fork in which something is tried."""
_log = logging.getLogger(__name__)


class BaseRoom:
    """The untouched repository in a sandbox, from which every trajectory and every test row is forked.

    Nothing is prepared or started until something asks, so a run that finds all in its journal starts no
    sandbox.
    """

    def __init__(
        self,
        task: Task,
        repository: Path | None,
        recipe: Recipe,
        home: Path,
        run: str = "",
        commons: Commons | None = None,
    ) -> None:
        self.task = task
        self.limits = commons.limits if commons else sandbox_limits(recipe, recipe.parallel)
        self._tests = commons.tests if commons else None
        self.home = home
        self._run = run
        self._repository = repository
        self._recipe = recipe
        self._lock = asyncio.Lock()
        self._host: SandboxHost | None = None
        self._prepared: Prepared | None = None
        self._base: Sandbox | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._host is not None:
            await asyncio.shield(self._host.close())

    async def prepared(self) -> Prepared:
        """Return what sandboxes of this task start from, preparing it at the first call.

        Raises:
            TaskError: the repository or its environment cannot be made.
        """
        from envs.prepare import prepare

        async with self._lock:
            if self._prepared is None:
                found = await prepare(self.task, self._repository, self.home)
                image = self._recipe.image
                self._prepared = replace(
                    found,
                    root=replace(found.root, image=found.root.image or image),
                    grading=replace(found.grading, image=found.grading.image or image),
                )
            return self._prepared

    async def root(self) -> Root:
        """Return what the agents' sandboxes start from; see `prepared`."""
        return (await self.prepared()).root

    async def host(self) -> SandboxHost:
        """Return the maker of sandboxes, opening it at the first call."""
        from sandbox.hosts import open_host

        async with self._lock:
            if self._host is not None:
                return self._host
            marks = {"mangabey.issue": self.task.instance_id, "mangabey.run": self._run}
            host = await asyncio.to_thread(open_host, self._recipe.sandbox, marks)
            self._host = host
            return host

    async def base(self) -> Sandbox:
        """Return the base sandbox for trying tests, whose commands wait for their turn; see `ground`.

        Raises:
            SandboxError: see `ground`.
        """
        base = await self.ground()
        return SlottedSandbox(base, self._tests) if self._tests else base

    async def ground(self) -> Sandbox:
        """Return the base sandbox, starting it at the first call; it is to be forked and never changed.

        Raises:
            SandboxError: it cannot be started, or the environment's tests cannot be run in it.
        """
        from envs.prepare import prepared_base

        root, host = await self.root(), await self.host()
        async with self._lock:
            if self._base is None:
                base = await prepared_base(self.task, root, host, self.limits)
                await _require_pytest(base)
                self._base = base
            return self._base


def sandbox_limits(recipe: Recipe, parallel: int) -> Limits:
    """Return a recipe's limits, narrowed where so many trajectories would take more than the machine has."""
    asked = recipe.limits()
    limits = fitted(asked, _AT_ONCE * parallel, this_machine())
    if limits.memory < asked.memory:
        _log.warning(
            "each sandbox may use %d MiB of memory: up to %d share what is free; lower --parallel for more",
            limits.memory >> 20,
            _AT_ONCE * parallel,
        )
    return limits


async def _require_pytest(base: Sandbox) -> None:
    """Refuse a sandbox in which no test could ever run: every candidate would look wrong in it."""
    result = await base.exec(["python", "-c", "import pytest"], timeout=60)
    if not result.ok:
        lines = [line for line in result.text.splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"exit code {result.exit_code}"
        raise SandboxError(f"the tests' Python does not work in the sandbox: {reason}; name another one")
