"""Images of instances: one made where none is published, and one that agents can be let into."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from envs.packages import pip_settings
from envs.task import Build, Environment, TaskError
from sandbox.base import ImageError, Root
from sandbox.docker.contents import take_from
from sandbox.docker.images import BUILT_NAME, content_key
from sandbox.docker.layering import Layer, LayerError, commit_as, layered, run_in, running
from sandbox.docker.tree import put_tree
from sandbox.inside import GIT_DIR

if TYPE_CHECKING:
    from docker import DockerClient

VENV = "/opt/venv"
"""Where the packages of an image that is made here lie."""
BASES = {
    "3.9": "mangabey/base:bullseye",
    "3.11": "mangabey/base:bookworm",
    "3.13": "mangabey/base:trixie",
}
"""Images that scripts/base-image.sh makes, by their Python."""
_NETWORK = "bridge"
PATH = f"{VENV}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GUEST = 1000
_PYTEST = "python -c 'import pytest' 2>/dev/null || python -m pip install -q pytest pytest-timeout"
_OLD_PIP = "import pip, sys; sys.exit([int(n) for n in pip.__version__.split('.')[:2]] < [21, 3])"
_PIP = "'pip>=21.3,<25'"
"""From 21.3 on a project without setup.py can be editable; up to 24 one with nothing else still can."""
_log = logging.getLogger(__name__)


def base_image(environment: Environment) -> str:
    """Return the image below the one that is made for an environment.

    Raises:
        TaskError: there is none with its Python.
    """
    build = environment.build or Build()
    version = ".".join(environment.python.split(".")[:2]) or "3.11"
    if build.base:
        return build.base
    if version not in BASES:
        known = ", ".join(BASES)
        raise TaskError(
            f"no base image has Python {version} (there are {known}); name one as `base_image` in the row"
        )
    return BASES[version]


def environment_image(engine: DockerClient, environment: Environment) -> str:
    """Return the image with an environment's packages and setup; instances with the same ones share it.

    Raises:
        TaskError: a package cannot be had, or a command fails.
        ImageError: the base image is missing.
    """
    base, build = base_image(environment), environment.build or Build()
    pip = pip_settings()
    try:
        image = layered(
            engine, base, Layer(_packages(environment.requirements), pip.mounts, pip.env, _NETWORK)
        )
        if build.setup:
            image = layered(engine, image, Layer("\n".join(build.setup), pip.mounts, pip.env, _NETWORK))
    except LayerError as error:
        raise TaskError(str(error)) from error
    except ImageError as error:
        if base not in BASES.values() or base not in str(error):
            raise
        hint = f"make it with scripts/base-image.sh {base.rpartition(':')[2]}"
        raise ImageError(f"{error}; {hint}") from error
    return image


def instance_name(image: str, environment: Environment, root: Root) -> str:
    """Return the name of the image in which a repository is installed at its base commit."""
    script = (environment.build or Build()).script
    variables = [f"{name}={value}" for name, value in sorted(root.env.items())]
    return f"{BUILT_NAME}:{content_key(image, [script, root.base_commit, root.workdir, *variables], {})}"


def image_of(engine: DockerClient, name: str) -> str | None:
    """Return the id of the image of a name; None where there is none here."""
    from docker.errors import ImageNotFound

    try:
        return str(engine.images.get(name).id)
    except ImageNotFound:
        return None


def install_in_image(
    engine: DockerClient, image: str, environment: Environment, root: Root, target: Path
) -> Path:
    """Install a repository at its base commit in an environment's image; see `instance_name` for the result.

    Args:
        engine: the Docker engine.
        image: the environment's image.
        environment: with the build's `install` commands.
        root: the repository at its base commit, and the variables that are set.
        target: an empty folder, which gets the repository as installing leaves it.

    Returns:
        The folder of the repository on the host; the image that is kept is without it.

    Raises:
        TaskError: an install command fails.
    """
    workdir = environment.workdir
    script = (environment.build or Build()).script
    layer = Layer(script, {GIT_DIR: root.git_dir})
    name = instance_name(image, environment, root)
    try:
        with running(engine, image, layer) as container:
            put_tree(container, root, as_root=True)
            if script:
                run_in(container, script, workdir, root.env)
            tree = take_from(container, workdir, target)
            run_in(container, f"rm -rf {shlex.quote(workdir)} && chown -R {_GUEST}:{_GUEST} {VENV}")
            commit_as(engine, container, image, name)
            return tree
    except LayerError as error:
        raise TaskError(f"the repository cannot be installed: {error}") from error


def agents_image(engine: DockerClient, image: str, environment: Environment) -> str:
    """Return an image without the repository, other repositories and hidden files, and with pytest in it.

    The network serves to install pytest where the image's Python lacks it; what cannot be installed is left
    out, and looked for again the next time.

    Raises:
        ImageError: the image is not to be had.
    """
    hidden = [path for path in environment.hidden if path.startswith("/")]
    script = f"""{_removal([environment.workdir, *hidden])}
find / -xdev -name .git -prune -exec rm -rf {{}} + || true
find / -xdev -type f -name HEAD | while IFS= read -r head; do
  bare=${{head%/HEAD}}
  if [ -d "$bare/objects" ] && [ -d "$bare/refs" ]; then rm -rf -- "$bare"; fi
done
"""
    bare = layered(engine, image, Layer(script))
    pip = pip_settings()
    path = {"PATH": PATH} if environment.build else {}
    try:
        return layered(
            engine, bare, Layer(_PYTEST, pip.mounts, {**path, **environment.env, **pip.env}, _NETWORK)
        )
    except LayerError as error:
        _log.warning("pytest cannot be installed for the agents: %s", error)
        return bare


def grading_image(engine: DockerClient, image: str, environment: Environment) -> str:
    """Return an image without the repository, which each sandbox that grades gets from the host.

    Raises:
        ImageError: the image is not to be had.
    """
    return layered(engine, image, Layer(_removal([environment.workdir])))


def _removal(paths: Sequence[str]) -> str:
    return f"rm -rf -- {' '.join(map(shlex.quote, paths))}"


def _packages(requirements: Sequence[str]) -> str:
    """Return a script that makes the virtual environment with exactly the pinned packages."""
    wanted = "".join(f"{one}\n" for one in requirements)
    return f"""python3 -m venv {VENV}
mkdir -p /root && chmod 777 /root
{VENV}/bin/python -c {shlex.quote(_OLD_PIP)} || {VENV}/bin/python -m pip install -q --upgrade {_PIP}
cat > /tmp/requirements.txt <<'REQUIREMENTS'
{wanted}REQUIREMENTS
{VENV}/bin/python -m pip install -q --no-deps -r /tmp/requirements.txt
rm -f /tmp/requirements.txt
chown -R {_GUEST}:{_GUEST} {VENV}
"""
