"""What a grade was made with: versions, and the digest by which its image can be had again."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Mapping
from contextlib import suppress

from runs.graded import Surroundings
from sandbox.base import SandboxError


async def surroundings_of(image: str, *, docker: bool) -> Surroundings:
    """Return the surroundings of an instance.

    Args:
        image: the name of its image; empty where it has none.
        docker: whether it ran in a container.
    """
    from mangabey import __version__

    versions = {"mangabey": __version__, "python": platform.python_version()}
    if not docker:
        return Surroundings(image, "", versions)
    digest, engine = await asyncio.to_thread(_asked, image)
    return Surroundings(image, digest, {**versions, **engine})


def _asked(image: str) -> tuple[str, Mapping[str, str]]:
    """Return an image's digest, empty for one that was made here, and the engine's version."""
    from docker.errors import DockerException

    from sandbox.daemonless.images import is_local
    from sandbox.docker.images import Registry, digest_of, look_up
    from sandbox.docker.vessel import connect

    digest, versions = "", {}
    with suppress(SandboxError, DockerException, OSError):
        engine = connect()
        try:
            versions = {"docker": str(engine.version()["Version"])}
            known = (
                look_up(engine, image, Registry.from_environment()) if image and not is_local(image) else None
            )
            digest = digest_of(engine, known) if known else ""
        finally:
            engine.close()
    return digest, versions
