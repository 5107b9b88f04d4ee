"""Images made by commands in a container: each is one layer on another, made once and known by its tag."""

from __future__ import annotations

import fcntl
import json
import logging
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.base import ImageError
from sandbox.docker.containers import BOOT, EXPIRES, OWNER, brief, labels, remove
from sandbox.docker.images import BUILT_NAME, content_key, find_image
from sandbox.home import default_home
from sandbox.owners import new_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker import DockerClient
    from docker.models.containers import Container

_log = logging.getLogger(__name__)
_SHOWN = 300
_WAIT = ["/bin/sh", "-c", "while :; do sleep 3600; done"]


class LayerError(ImageError):
    """A layer's own script fails; the message is its last line of output."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What makes an image of another: a shell script that runs as root, and what it is lent.

    `mounts` are read-only host files by their path inside and `env` is set while it runs; neither stays in
    the image, nor is part of what the image is known by. `network` is as `docker run --network` takes it.
    """

    script: str
    mounts: Mapping[str, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    network: str = "none"


def layered(engine: DockerClient, base: str, layer: Layer) -> str:
    """Return the image that a layer's script makes of a base; made once for the same base and script.

    Raises:
        LayerError: the script fails.
        ImageError: the base is not to be had, or the engine fails.
    """
    found = find_image(engine, base)
    key = content_key(found, [layer.script], {})
    name = f"{BUILT_NAME}:{key}"
    with _alone(key):
        if (known := _known(engine, name)) is not None:
            return known
        with running(engine, found, layer) as container:
            run_in(container, layer.script, env=layer.env)
            return commit_as(engine, container, found, name)


@contextmanager
def _alone(key: str) -> Iterator[None]:
    """Hold the right to make what is known by a key; it ends with the process at the latest."""
    folder = default_home() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / key).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def running(engine: DockerClient, image: str, layer: Layer) -> Iterator[Container]:
    """Yield a container of an image that waits for commands, with a layer's mounts and network.

    Raises:
        ImageError: it cannot be started.
    """
    from docker.errors import DockerException
    from docker.types import Mount

    mounts = [
        Mount(inside, str(host.resolve()), type="bind", read_only=True)
        for inside, host in layer.mounts.items()
    ]
    try:
        # an entry point that is set here could not be unset when the image is made
        own = bool((engine.images.get(image).attrs["Config"] or {}).get("Entrypoint"))
        container = engine.containers.create(
            image,
            _WAIT[1:] if own else _WAIT,
            entrypoint=_WAIT[:1] if own else None,
            user="0:0",
            init=True,
            detach=True,
            network_mode=layer.network,
            mounts=mounts,
            labels=labels(new_name(), {}),
        )
    except (DockerException, OSError) as error:
        raise ImageError(f"nothing can be built on {image}: {brief(error)}") from error
    try:
        container.start()
        yield container
    except (DockerException, OSError) as error:
        raise ImageError(f"nothing can be built on {image}: {brief(error)}") from error
    finally:
        remove(container)


def run_in(
    container: Container, script: str, workdir: str = "/", env: Mapping[str, str] | None = None
) -> None:
    """Run a shell script in a container as its root; it ends at the first command that fails.

    Raises:
        LayerError: a command fails.
    """
    shell = "/bin/bash" if container.exec_run(["test", "-x", "/bin/bash"]).exit_code == 0 else "/bin/sh"
    done = container.exec_run(
        [shell, "-e", "-c", f"exec 2>&1\n{script}"], workdir=workdir, user="0:0", environment=dict(env or {})
    )
    if done.exit_code != 0:
        text = bytes(done.output).decode("utf-8", "replace")  # type: ignore[arg-type]  # not a stream
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        _log.debug("a layer failed: %s", "\n".join(lines[-40:]))
        raise LayerError(
            f"the image cannot be built: {lines[-1][:_SHOWN] if lines else f'exit code {done.exit_code}'}"
        )


def commit_as(engine: DockerClient, container: Container, base: str, name: str) -> str:
    """Make an image of a container's files that starts as its base does, under a name; return its id.

    Raises:
        ImageError: the engine refuses.
    """
    from docker.errors import DockerException

    repository, _, tag = name.rpartition(":")
    try:
        config: Mapping[str, Any] = engine.images.get(base).attrs["Config"] or {}
        changes = [
            f"CMD {json.dumps(config.get('Cmd') or _WAIT[:1])}",
            *([f"ENTRYPOINT {json.dumps(config['Entrypoint'])}"] if config.get("Entrypoint") else []),
            f"USER {config.get('User') or '0:0'}",
            *(f'LABEL {name}=""' for name in (OWNER, BOOT, EXPIRES)),  # it stays when its maker is gone
        ]
        image = container.commit(repository=repository, tag=tag, changes=changes)
    except (DockerException, OSError) as error:
        raise ImageError(f"the image {name} cannot be kept: {brief(error)}") from error
    return str(image.id)


def _known(engine: DockerClient, name: str) -> str | None:
    from docker.errors import DockerException, ImageNotFound

    try:
        return str(engine.images.get(name).id)
    except ImageNotFound:
        return None
    except (DockerException, OSError) as error:
        raise ImageError(f"the image {name} cannot be looked up: {brief(error)}") from error
