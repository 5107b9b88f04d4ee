"""Images: found, pulled, built, and removed when the disk is needed; everything here blocks."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import random
import re
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

from sandbox.base import ImageError
from sandbox.docker.containers import brief

if TYPE_CHECKING:
    from docker import DockerClient

PREFIX, PLATFORM = "MANGABEY_REGISTRY", "MANGABEY_PLATFORM"
"""Environment variables: a registry or mirror before every image's name, and the platform to ask for."""
BUILT_NAME = "mangabey/built"
"""What has been built is known by its tag; labels pass on to whatever is made of it."""
_TRIES = 5
_FIRST_WAIT = 1.0
_LONGEST_WAIT = 60.0
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_log = logging.getLogger(__name__)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Registry:
    """Where images come from.

    Attributes:
        prefix: put before every image's name, such as `mirror.example.org/hub`; empty for none.
        platform: such as `linux/amd64`; empty for the engine's own.
        username: with `password`, for a registry that asks; where empty, the engine's client configuration
        is used.
    """

    prefix: str = ""
    platform: str = ""
    username: str = ""
    password: str = ""

    @classmethod
    def from_environment(cls) -> Registry:
        """Return what the environment says."""
        return cls(prefix=os.environ.get(PREFIX, ""), platform=os.environ.get(PLATFORM, ""))

    def full_name(self, image: str) -> str:
        """Return an image's name at this registry."""
        return f"{self.prefix.rstrip('/')}/{image}" if self.prefix else image


def find_image(
    engine: DockerClient, image: str, registry: Registry | None = None, tell: Tell = _log.info
) -> str:
    """Return the id of an image, pulled where it is not there.

    Args:
        engine: the engine.
        image: a name with tag or digest, or an id.
        registry: where to pull from.
        tell: is told what happens, a line each.

    Raises:
        ImageError: it is not there and cannot be pulled.
    """
    registry = registry or Registry.from_environment()
    return look_up(engine, image, registry) or pull(engine, registry.full_name(image), registry, tell)


def look_up(engine: DockerClient, image: str, registry: Registry) -> str | None:
    """Return the id of an image that is there, by its name or that at a registry; None where it is not.

    Raises:
        ImageError: the engine does not say.
    """
    from docker.errors import DockerException, ImageNotFound

    for known in dict.fromkeys((image, registry.full_name(image))):
        try:
            return str(engine.images.get(known).id)
        except ImageNotFound:
            continue
        except (DockerException, OSError) as error:
            raise ImageError(f"the image {image} cannot be looked up: {brief(error)}") from error
    return None


def pull(
    engine: DockerClient,
    name: str,
    registry: Registry,
    tell: Tell = _log.info,
    given_up: Event | None = None,
) -> str:
    """Pull an image and return its id; trouble that may pass is waited out, each time longer.

    Args:
        engine: the engine.
        name: of the image.
        registry: where from.
        tell: is told what happens, a line each.
        given_up: is set by another thread once nobody wants the image.

    Raises:
        ImageError: there is no such image, its registry refuses, five tries have failed, or it was given up.
    """
    from docker.errors import APIError, DockerException, ImageNotFound
    from urllib3.exceptions import HTTPError

    wait, given_up = _FIRST_WAIT, given_up or Event()
    for tries in range(1, _TRIES + 1):
        try:
            _pull_once(engine, name, registry, tell, given_up)
            found = engine.images.get(name)
        except ImageNotFound as error:
            raise ImageError(f"there is no image {name}: {brief(error)}") from error
        except (APIError, _PullFailedError) as error:
            reason = brief(error)
            if _final(reason) or tries == _TRIES:
                raise ImageError(f"the image {name} cannot be pulled: {reason}") from error
        except (DockerException, HTTPError, OSError) as error:
            reason = brief(error)
            if tries == _TRIES:
                raise ImageError(f"the image {name} cannot be pulled: {reason}") from error
        else:
            return str(found.id)
        pause = min(_LONGEST_WAIT, wait) * (0.5 + random.random())
        tell(f"pulling {name} failed ({reason}); trying again in {pause:.0f} s")
        if given_up.wait(pause):
            raise ImageError(f"the image {name} was given up")
        wait *= 3
    raise AssertionError("unreachable")


def digest_of(engine: DockerClient, image: str) -> str:
    """Return the digest by which an image can be named for ever; empty for one that was built here."""
    digests = engine.images.get(image).attrs.get("RepoDigests") or []
    return str(digests[0]) if digests else ""


def environment_of(engine: DockerClient, image: str) -> Mapping[str, str]:
    """Return the environment variables that an image sets."""
    entries = engine.images.get(image).attrs["Config"].get("Env") or []
    return dict(entry.split("=", 1) for entry in entries if "=" in entry)


def build_image(
    engine: DockerClient,
    base: str,
    commands: Sequence[str],
    files: Mapping[str, bytes] | None = None,
    *,
    network: str = "default",
    tell: Tell = _log.info,
) -> str:
    """Return the image that shell commands make of a base; built once for the same base, commands and files.

    Args:
        engine: the engine.
        base: an image that is there.
        commands: each is one layer.
        files: content by absolute path, put in place before the first command.
        network: of the commands, as `docker build --network` takes it.
        tell: is told the build's output, a line each.

    Raises:
        ImageError: a command fails; the message is its last line of output.
    """
    from docker.errors import BuildError, DockerException, ImageNotFound

    files = files or {}
    found = find_image(engine, base)
    key = content_key(found, commands, files)
    tag = f"{BUILT_NAME}:{key}"
    try:
        return str(engine.images.get(tag).id)
    except ImageNotFound:
        context = _context(found, commands, files)
    except (DockerException, OSError) as error:
        raise ImageError(f"the image on {base} cannot be looked up: {brief(error)}") from error
    try:
        image, log = engine.images.build(
            fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True, network_mode=network
        )
    except BuildError as error:
        last = _last_words([str(one.get("stream", "")) for one in error.build_log]) or str(error)
        raise ImageError(f"the image on {base} cannot be built: {last[:300]}") from error
    except (DockerException, OSError) as error:
        raise ImageError(f"the image on {base} cannot be built: {brief(error)}") from error
    for entry in log:
        text = entry.get("stream") if isinstance(entry, dict) else None
        if isinstance(text, str) and text.strip():
            tell(text.strip())
    return str(image.id)


def make_room(engine: DockerClient, budget: int, keep: Sequence[str] = (), tell: Tell = _log.info) -> int:
    """Remove built images, the oldest first, until all of them together fit a budget; return the bytes freed.

    Args:
        engine: the engine.
        budget: bytes that images built by `build_image` may take.
        keep: ids that stay.
        tell: is told what is removed.
    """
    from docker.errors import DockerException

    built = sorted(engine.images.list(name=BUILT_NAME), key=lambda one: str(one.attrs["Created"]))
    total = sum(int(one.attrs["Size"]) for one in built)
    freed = 0
    for image in built:
        if total - freed <= budget:
            break
        if image.id in keep:
            continue
        try:
            engine.images.remove(str(image.id), force=False)
        except (DockerException, OSError) as error:
            tell(f"{image.short_id} stays: {brief(error)}")
            continue
        freed += int(image.attrs["Size"])
        tell(f"removed {image.short_id}, {int(image.attrs['Size']) >> 20} MiB")
    return freed


def remove_built_on(engine: DockerClient, image: str, tell: Tell = _log.info) -> int:
    """Remove what `build_image` made of an image, the last made first; what is in use stays.

    What was made of another image that somebody made of it belongs to that one.

    Args:
        engine: the engine.
        image: its id.
        tell: is told what is removed.

    Returns:
        How many images were removed.

    Raises:
        DockerException: the engine does not say what there is.
    """
    from docker.errors import DockerException

    parents = {
        one["Id"]: "" if _is_named(one) else str(one.get("ParentId") or "")
        for one in engine.api.images(all=True)
    }
    depths = {one["Id"]: _steps(one["Id"], image, parents) for one in engine.api.images(name=BUILT_NAME)}
    removed = 0
    for one in sorted(filter(depths.get, depths), key=lambda one: -depths[one]):
        try:
            engine.images.remove(one, force=False)
        except (DockerException, OSError) as error:
            tell(f"{one[:19]} stays: {brief(error)}")
            continue
        removed += 1
        tell(f"removed {one[:19]}, which was built on {image[:19]}")
    return removed


def _is_named(listed: Mapping[str, Any]) -> bool:
    """Whether an image has a name that `build_image` did not give it."""
    tags = [tag for tag in listed.get("RepoTags") or () if tag != "<none>:<none>"]
    return any(not tag.startswith(f"{BUILT_NAME}:") for tag in tags)


def _steps(image: str, base: str, parents: Mapping[str, str]) -> int:
    """Return how many steps made an image of a base, 0 where it is no descendant of it."""
    steps, at = 0, image
    while at and at != base:
        steps, at = steps + 1, parents.get(at, "")
    return steps if at else 0


class _PullFailedError(Exception):
    """What the engine says in the middle of a pull."""


def _pull_once(engine: DockerClient, name: str, registry: Registry, tell: Tell, given_up: Event) -> None:
    repository, tag = _parted(name)
    login = {"username": registry.username, "password": registry.password} if registry.username else None
    progress = engine.api.pull(
        repository, tag=tag, stream=True, decode=True, auth_config=login, platform=registry.platform or None
    )
    said = ""
    for step in progress:
        if given_up.is_set():
            raise ImageError(f"the image {name} was given up")
        if "error" in step:
            raise _PullFailedError(str(step["error"]))
        status = str(step.get("status", ""))
        if status != said and not step.get("id"):
            tell(f"{name}: {status}")
            said = status


def whole_name(name: str) -> str:
    """Return a name as an engine tells it: with its tag, and without the registry that is the usual one."""
    repository, tag = _parted(name)
    short = repository.removeprefix("docker.io/").removeprefix("library/")
    return f"{short}@{tag}" if "@" in name else f"{short}:{tag}"


def _parted(name: str) -> tuple[str, str]:
    """Part a name from its tag or digest."""
    if "@" in name:
        repository, _, digest = name.partition("@")
        return repository, digest
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "latest")


def _last_words(log: Sequence[str]) -> str:
    """Return the last line that a failed command printed, the engine's own lines left out."""
    lines = [_COLOUR.sub("", text).strip() for text in log]
    own = ("--", "Removing intermediate", "Step ")
    return next((line for line in reversed(lines) if line and not line.startswith(own)), "")


def _final(reason: str) -> bool:
    """Whether trying again cannot help."""
    signs = (
        "denied",
        "unauthorized",
        "not found",
        "no such",
        "invalid reference",
        "manifest unknown",
        "no basic auth",
        "does not match the specified platform",
        "no matching manifest",
    )
    return any(sign in reason.lower() for sign in signs)


def content_key(base: str, commands: Sequence[str], files: Mapping[str, bytes]) -> str:
    """Return a short name for what commands and files make of a base."""
    digest = hashlib.sha256(base.encode())
    for command in commands:
        digest.update(b"\0" + command.encode())
    for path, data in sorted(files.items()):
        digest.update(b"\1" + path.encode() + b"\0" + hashlib.sha256(data).digest())
    return digest.hexdigest()[:24]


def _context(base: str, commands: Sequence[str], files: Mapping[str, bytes]) -> io.BytesIO:
    lines = [f"FROM {base}"]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:

        def add(name: str, data: bytes) -> None:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))

        for number, (path, data) in enumerate(sorted(files.items())):
            add(f"file{number}", data)
            lines.append(f'COPY ["file{number}", "{path}"]')
        for number, command in enumerate(commands):
            add(f"command{number}", command.encode())
            lines.append(f'COPY ["command{number}", "/tmp/command"]')
            lines.append('RUN ["/bin/sh", "-e", "/tmp/command"]')
        add("Dockerfile", "\n".join(lines).encode() + b"\n")
    packed.seek(0)
    return packed
