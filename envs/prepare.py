"""From a task and its repository to what a sandbox starts from."""

from __future__ import annotations

import asyncio
from pathlib import Path

from envs.cache import build_once
from envs.history import seal_history
from envs.scripts import SCRIPTS, script_folder
from envs.task import Task, TaskError
from envs.venvs import INSIDE, venv_for
from sandbox.base import Limits, Root, Sandbox, SandboxHost

_SETUP_SECONDS = 1800.0
_PATH = "/usr/local/bin:/usr/bin:/bin"


async def prepare(task: Task, repository: Path, home: Path) -> Root:
    """Return what sandboxes of a task start from; built at the first call, found in the cache after.

    Args:
        task: the task.
        repository: a git repository of the host that holds the base commit; it is only read.
        home: the cache folder.

    Raises:
        TaskError: the repository lacks the commit, or the environment cannot be made.
    """
    return await asyncio.to_thread(_prepare, task, repository, home)


async def prepared_base(task: Task, root: Root, host: SandboxHost, limits: Limits) -> Sandbox:
    """Start a sandbox at the base commit, in which the environment's setup has run.

    Only the setup has the network; the sandbox that is returned starts from the files it left.

    Raises:
        TaskError: a setup command fails.
        SandboxError: the sandbox cannot be started.
    """
    if not task.environment.setup:
        return await host.start(root, limits)
    room = await host.start(root, limits, network=True)
    try:
        for command in task.environment.setup:
            result = await room.exec(command, timeout=_SETUP_SECONDS)
            if not result.ok:
                last = (result.text.strip().splitlines() or [f"exit code {result.exit_code}"])[-1]
                raise TaskError(f"the setup of {task.instance_id} fails at `{command}`: {last}")
        return await host.start(await room.snapshot(), limits)
    finally:
        await asyncio.shield(room.close())


def _prepare(task: Task, repository: Path, home: Path) -> Root:
    def build(folder: Path) -> None:
        seal_history(repository, task.base_commit, folder / "git", folder / "tree")

    home, environment = home.resolve(), task.environment
    folder = build_once(home / "prepared" / f"1-{task.base_commit}", build)
    env = {
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        # the files in the sandbox may belong to another user than the one who runs git there
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    mounts: dict[str, Path] = {}
    if not environment.image:
        mounts = dict(venv_for(environment, home).mounts)
        env |= {"PATH": f"{INSIDE}/bin:{_PATH}", "VIRTUAL_ENV": INSIDE}
        if scripts := script_folder(folder / "tree", home):
            mounts[SCRIPTS] = scripts
            env["PATH"] = f"{INSIDE}/bin:{SCRIPTS}:{_PATH}"
    return Root(
        tree=folder / "tree",
        git_dir=folder / "git",
        base_commit=task.base_commit,
        workdir=environment.workdir,
        mounts=mounts,
        env=env | dict(environment.env),
        image=environment.image,
    )
