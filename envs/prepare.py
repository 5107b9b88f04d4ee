"""From a task and its repository to what a sandbox starts from."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from envs.cache import build_once
from envs.console_scripts import SCRIPTS, script_folder
from envs.history import Seal, seal_history
from envs.image_tasks import ImageTask, built, published
from envs.images import PATH, VENV
from envs.scm_version import version_of
from envs.shared_packs import sealed_before
from envs.task import Task, TaskError
from envs.venvs import INSIDE, venv_for
from sandbox.base import Limits, Root, Sandbox, SandboxHost

_SETUP_SECONDS = 1800.0
_PATH = "/usr/local/bin:/usr/bin:/bin"
ALWAYS = {
    "LANG": "C.UTF-8",
    "PYTHONDONTWRITEBYTECODE": "1",
    # the files in the sandbox may belong to another user than the one who runs git there
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}
"""Environment variables of every sandbox."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What sandboxes of a task start from, and what the check of its history has found.

    `root` is what agents start from. `grading` is the clean base: the same, or where an image changes files
    of the repository one without those changes, which are then `edits`, a diff to be applied after a patch.
    """

    root: Root
    grading: Root
    seal: Seal
    edits: str = ""


async def prepare(task: Task, repository: Path | None, home: Path) -> Prepared:
    """Return what sandboxes of a task start from; built at the first call, found in the cache after.

    Args:
        task: the task.
        repository: a git repository of the host that holds the base commit; it is only read. None where the
            task's image holds it.
        home: the cache folder.

    Raises:
        TaskError: the repository lacks the commit, or the environment cannot be made.
        SandboxError: the image cannot be had.
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


def sealed_repository(base_commit: str, repository: Path, home: Path) -> tuple[Path, Seal]:
    """Return a folder with `git` and `tree` at a commit, sealed at the first call, and what the check found.

    Raises:
        TaskError: the repository lacks the commit.
    """

    def build(folder: Path) -> None:
        sealed = sealed_before(folder)
        seal = seal_history(repository, base_commit, folder / "git", folder / "tree", sealed)
        (folder / "seal.json").write_text(json.dumps(asdict(seal)))

    folder = build_once(home / "prepared" / f"2-{base_commit}", build)
    return folder, Seal(**json.loads((folder / "seal.json").read_text()))


def _prepare(task: Task, repository: Path | None, home: Path) -> Prepared:
    environment, home = task.environment, home.resolve()
    if environment.build or repository is None:
        return _of_image(task, repository, home)
    folder, seal = sealed_repository(task.base_commit, repository, home)
    env, mounts = dict(ALWAYS), {}
    if not environment.image:
        mounts = dict(venv_for(environment, home).mounts)
        env |= {"PATH": f"{INSIDE}/bin:{_PATH}", "VIRTUAL_ENV": INSIDE}
        if scripts := script_folder(folder / "tree", home):
            mounts[SCRIPTS] = scripts
            env["PATH"] = f"{INSIDE}/bin:{SCRIPTS}:{_PATH}"
    root = Root(
        tree=folder / "tree",
        git_dir=folder / "git",
        base_commit=task.base_commit,
        workdir=environment.workdir,
        mounts=mounts,
        env=env | dict(environment.env),
        image=environment.image,
    )
    return Prepared(root, root, seal)


def _of_image(task: Task, repository: Path | None, home: Path) -> Prepared:
    environment = task.environment
    if environment.build is None:
        return _with_image(task, published(task, home), dict(environment.env))
    if repository is None:
        raise TaskError(f"{task.instance_id} has no repository to build an image with")
    folder, _ = sealed_repository(task.base_commit, repository, home)
    env = {
        "PATH": PATH,
        "VIRTUAL_ENV": VENV,
        # the tags by which setuptools_scm would find it do not enter
        "SETUPTOOLS_SCM_PRETEND_VERSION": version_of(repository, task.base_commit),
        **environment.env,
    }
    sealed = Root(folder / "tree", folder / "git", task.base_commit, environment.workdir, env=ALWAYS | env)
    return _with_image(task, built(task, sealed, home), env)


def _with_image(task: Task, made: ImageTask, env: dict[str, str]) -> Prepared:
    environment, history = task.environment, made.history
    root = Root(
        tree=history.tree,
        git_dir=history.git_dir,
        base_commit=history.agents_commit,
        workdir=environment.workdir,
        env=ALWAYS | env,
        image=made.agents_image,
    )
    grading = replace(
        root,
        tree=history.clean,
        base_commit=history.base_commit,
        image=made.grading_image,
        user=environment.grades_as,
    )
    return Prepared(root, grading, history.seal, history.edits)
