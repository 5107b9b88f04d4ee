"""Tasks whose repository and packages are in an image, published or made here, and what is taken of it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envs.cache import build_once, content_key
from envs.found_history import FoundHistory, check_unsolved, take_history
from envs.history import Seal
from envs.images import (
    agents_image,
    environment_image,
    grading_image,
    image_of,
    install_in_image,
    instance_name,
)
from envs.task import Task, TaskError
from sandbox.base import Root
from sandbox.docker.contents import take_folder
from sandbox.docker.images import find_image
from sandbox.docker.vessel import connect

if TYPE_CHECKING:
    from docker import DockerClient

Take = Callable[[Path], Path]
"""Fills an empty folder with the repository as an image has it, and returns where it lies."""


@dataclass(frozen=True, slots=True)
class ImageTask:
    """An image for agents and one for grading, and the repository that goes into them."""

    agents_image: str
    grading_image: str
    history: FoundHistory


def published(task: Task, home: Path) -> ImageTask:
    """Return what an image that holds the repository gives, taken out of it at the first call.

    Raises:
        TaskError: the image does not hold a repository that can be used.
        SandboxError: no engine answers, or the image cannot be had.
    """
    environment = task.environment
    if not environment.image:
        raise TaskError(f"{task.instance_id} has neither a repository nor an image; name one in its row")
    engine = connect()
    try:
        image = find_image(engine, environment.image)
        history = _kept(
            task, home, image, lambda empty: take_folder(engine, image, environment.workdir, empty)
        )
        return ImageTask(
            agents_image(engine, image, environment), grading_image(engine, image, environment), history
        )
    finally:
        engine.close()


def built(task: Task, sealed: Root, home: Path) -> ImageTask:
    """Return what an image that is made here gives, made at the first call.

    Args:
        task: the task, whose environment has a build.
        sealed: the repository at its base commit, with the environment that installs it.
        home: the cache folder.

    Raises:
        TaskError: a package, the setup or the installation fails.
        SandboxError: no engine answers.
    """
    engine = connect()
    try:
        image = environment_image(engine, task.environment)

        def install(empty: Path) -> Path:
            return install_in_image(engine, image, task.environment, sealed, empty)

        name = instance_name(image, task.environment, sealed)
        history = _kept(task, home, name, install, sealed.git_dir)
        installed = _installed(engine, name, install)
        return ImageTask(agents_image(engine, installed, task.environment), installed, history)
    finally:
        engine.close()


def _installed(engine: DockerClient, name: str, install: Take) -> str:
    """Return an instance's image, which may have been removed since its files were taken out of it."""
    if (known := image_of(engine, name)) is not None:
        return known
    with tempfile.TemporaryDirectory(prefix="mangabey-") as scratch:
        install(Path(scratch))
    found = image_of(engine, name)
    assert found is not None
    return found


def _kept(task: Task, home: Path, image: str, take: Take, source: Path | None = None) -> FoundHistory:
    """Return the repository that an image holds, sealed; taken and sealed once."""
    environment = task.environment
    grading = task.grading.unseal() if task.grading else None
    bug = grading.bug_patch if grading else ""
    # where the bug is made, the tests that show it are the repository's own
    hidden = (*environment.hidden, *(grading.test_files if grading and bug else ()))
    install = environment.build.script if environment.build else ""
    facts = (task.base_commit, environment.workdir, json.dumps(sorted(hidden)), bug, install)
    key = content_key("found 2", image, *facts, json.dumps(sorted(environment.env.items())))

    def build(folder: Path) -> None:
        scratch = folder / "scratch"
        scratch.mkdir()
        history = take_history(take(scratch), task.base_commit, folder, hidden, bug, source)
        check_unsolved(
            history.tree, grading.gold_patch if grading else "", grading.test_patch if grading else ""
        )
        shutil.rmtree(scratch)
        kept = {
            "base_commit": history.base_commit,
            "agents_commit": history.agents_commit,
            "clean": history.clean.name,
            "seal": asdict(history.seal),
        }
        (folder / "history.json").write_text(json.dumps(kept))
        (folder / "edits.diff").write_bytes(history.edits.encode("utf-8", "surrogateescape"))

    return _read(build_once(home / "prepared" / key, build))


def _read(folder: Path) -> FoundHistory:
    facts = json.loads((folder / "history.json").read_text())
    return FoundHistory(
        git_dir=folder / "git",
        tree=folder / "tree",
        clean=folder / facts["clean"],
        base_commit=facts["base_commit"],
        agents_commit=facts["agents_commit"],
        edits=(folder / "edits.diff").read_bytes().decode("utf-8", "surrogateescape"),
        seal=Seal(**facts["seal"]),
    )
