"""How a container is sealed, labelled and started; everything here blocks and is called in threads."""

from __future__ import annotations

import math
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.base import Limits, Root, SandboxError, SandboxGoneError
from sandbox.docker.order import SPOOL
from sandbox.docker.scripts import script_of
from sandbox.inside import GIT_DIR
from sandbox.owners import boot

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

GUEST = 1000
OWNER, BOOT, EXPIRES = "mangabey.owner", "mangabey.boot", "mangabey.expires"
_LIFETIME = 7 * 24 * 3600
"""Seconds after which a container or image of ours may be swept by any machine; far beyond every budget."""
_SUPERVISOR_CAPABILITIES = ("CHOWN", "KILL", "SETGID", "SETPCAP", "SETUID")
_AS_GUEST = (
    *("setpriv", f"--reuid={GUEST}", f"--regid={GUEST}", "--clear-groups"),
    *("--inh-caps=-all", "--bounding-set=-all"),
)
BORN = ("/run/.containerenv", "/.dockerenv")
"""Files as old as the container, one of which each engine makes: what has changed since is newer."""
_COUNT = """
born=$1; [ -e "$born" ] || born=$2; [ -e "$born" ] || exit
find / -xdev -cnewer "$born" \\( -type d ! \\( -readable -executable \\) -printf '?' -o -printf . \\)
[ $? -le 1 ] && printf E
"""
_OWN_PROCESSES = 8
_LONGEST_COMPLAINT = 160
_REMOVALS = 3
"""Some engines refuse to remove a container that is about to end by itself."""
_FILES = 16384
"""Open files of one process; an engine's own choice may be more than it is allowed itself."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What containers that can stand for each other share; `plain`: the supervisor runs as the guest."""

    image: str
    root: Root
    limits: Limits
    network: bool
    plain: bool = False

    @property
    def most_input(self) -> int:
        """Bytes that one command can be given: they are a file in memory first."""
        return min(self.limits.disk, self.limits.memory // 2)

    def __hash__(self) -> int:
        return hash((self.image, self.limits, self.network, self.plain))


def labels(owner: str, more: Mapping[str, str]) -> dict[str, str]:
    """Return the labels by which a sweep knows what is ours and whose owner is dead."""
    return {**more, OWNER: owner, BOOT: boot(), EXPIRES: str(int(time.time()) + _LIFETIME)}


def create(engine: DockerClient, shape: Shape, marks: Mapping[str, str]) -> Container:
    """Create a container, not yet started.

    Raises:
        SandboxError: the engine refuses.
    """
    from docker.errors import DockerException
    from docker.types import LogConfig, Mount, Ulimit

    limits, root = shape.limits, shape.root
    user = f"{GUEST}:{GUEST}" if shape.plain else "0:0"
    owner = f",uid={GUEST}" if shape.plain else ""  # Podman knows no owner here
    inputs = {**root.mounts, GIT_DIR: root.git_dir}
    period = 100_000
    try:
        return engine.containers.create(
            shape.image,
            [
                "-i",
                "PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
                "/bin/sh",
                "-c",
                script_of("supervisor"),
                "supervisor",
                "none" if shape.plain else str(GUEST),
            ],
            entrypoint=["env"],
            detach=True,  # else the supervisor's stdin would end with the first stream
            init=True,
            stdin_open=True,
            user=user,
            hostname="sandbox",
            working_dir="/",
            network_mode="bridge" if shape.network else "none",
            cap_drop=["ALL"],
            cap_add=[] if shape.plain else list(_SUPERVISOR_CAPABILITIES),
            security_opt=["no-new-privileges"],
            mem_limit=limits.memory,
            memswap_limit=limits.memory,
            pids_limit=limits.processes + _OWN_PROCESSES,
            ulimits=[
                Ulimit(name="core", soft=0, hard=0),
                Ulimit(name="nofile", soft=_FILES, hard=_FILES),
                Ulimit(name="fsize", soft=limits.disk, hard=limits.disk),
            ],
            tmpfs={SPOOL: f"mode=0755,nosuid,nodev,noexec{owner}"},
            labels=dict(marks),
            log_config=LogConfig(type=LogConfig.types.NONE),
            healthcheck={"test": ["NONE"]},
            mounts=[
                Mount(inside, str(host.resolve()), type="bind", read_only=True)
                for inside, host in inputs.items()
            ],
            cpu_period=period,
            cpu_quota=-1 if limits.cpus is None else max(1000, int(limits.cpus * period)),
        )
    except (DockerException, OSError) as error:
        raise SandboxError(f"the container could not be made: {brief(error)}") from error


def attach(container: Container) -> socket.socket:
    """Attach to a container's supervisor.

    Raises:
        SandboxGoneError: the container is gone, or the engine is.
    """
    from docker.errors import DockerException

    try:
        held: Any = container.attach_socket(params={"stdin": 1, "stdout": 1, "stream": 1})
    except (DockerException, OSError) as error:
        raise SandboxGoneError(f"the container is gone ({brief(error)}); start another sandbox") from error
    raw: socket.socket = getattr(held, "_sock", held)
    if isinstance(raw, ssl.SSLSocket):
        return raw
    ours = raw.dup()
    for part in (getattr(held, "_response", None), held, raw):  # the SDK closes none of them by itself
        if part is not None:
            part.close()
    return ours


def start(container: Container) -> None:
    """Start a created container.

    Raises:
        SandboxError: the engine cannot.
    """
    from docker.errors import DockerException

    try:
        container.start()
    except (DockerException, OSError) as error:
        raise SandboxError(f"the container could not be started: {brief(error)}") from error


def remove(container: Container) -> None:
    """Remove a container and what it has written.

    Raises:
        SandboxError: the engine cannot.
    """
    from docker.errors import DockerException, NotFound

    for tries in range(1, _REMOVALS + 1):
        try:
            container.remove(force=True, v=True)
        except NotFound:
            return
        except (DockerException, OSError) as error:
            if "already in progress" in str(error):
                return
            if tries == _REMOVALS:
                raise SandboxError(f"the container stays behind: {brief(error)}") from error
            time.sleep(0.1 * tries)
        else:
            return


def state(container: Container) -> str:
    """Return `running`, or in words what has become of a container."""
    from docker.errors import DockerException, NotFound

    try:
        container.reload()
    except NotFound:
        return "removed"
    except (DockerException, OSError) as error:
        return f"out of reach: {brief(error)}"
    found = container.attrs["State"]
    if found.get("OOMKilled") and not found.get("Running"):
        return "killed for want of memory"
    if found["Status"] == "exited":
        return f"ended with exit code {found['ExitCode']}"
    return str(found["Status"])


def commit(container: Container, marks: Mapping[str, str]) -> str:
    """Make an image of a container's present files and return its id.

    Raises:
        SandboxGoneError: the container is gone.
    """
    from docker.errors import DockerException

    changes = "\n".join(f'LABEL {name}="{value}"' for name, value in marks.items())
    try:
        return str(container.commit(changes=changes).id)
    except (DockerException, OSError) as error:
        raise SandboxGoneError(f"the container is gone ({brief(error)}); start another sandbox") from error


def disk_of(engine: DockerClient) -> str:
    """Return the folder in which a local engine keeps containers; empty where it cannot say."""
    from docker.errors import DockerException

    try:
        return str(engine.info().get("DockerRootDir") or "")
    except (DockerException, OSError):
        return ""


def written(engine: DockerClient, container: Container) -> float | None:
    """Return how many bytes a container has written to its files; None where the engine does not answer.

    What it cannot measure, such as folders in folders beyond the longest path, counts as endless.
    """
    from docker.errors import DockerException

    try:
        found = engine.api.containers(all=True, size=True, filters={"id": container.id})
    except (DockerException, OSError):
        return None
    size = int(found[0].get("SizeRw") or 0) if found else 0
    return size if size >= 0 else math.inf


def count_files(container: Container, *, plain: bool) -> int | None:
    """Return how many files have changed in a container since it began; None where that is hindered.

    The count is run as the guest and sealed as it is: it sees all that is the guest's, unless the guest ends
    it, or has folders that it keeps from itself.
    """
    from docker.errors import DockerException

    count = ["/bin/sh", "-c", _COUNT, "count", *BORN]
    try:
        done = container.exec_run(
            count if plain else [*_AS_GUEST, *count],
            user=f"{GUEST}:{GUEST}" if plain else "0:0",
            workdir="/",
            stderr=False,
        )
    except (DockerException, OSError):
        return None
    marks = bytes(done.output)  # type: ignore[arg-type]  # not a stream
    return len(marks) - 1 if marks.endswith(b"E") and b"?" not in marks else None


def brief(error: BaseException) -> str:
    """Return an engine's complaint as one short line."""
    text = getattr(error, "explanation", None)
    if not text and isinstance(error, OSError):
        return f"the Docker engine does not answer: {error}"[:160]
    words = " ".join(str(text or error).split())
    return words if len(words) <= _LONGEST_COMPLAINT else f"{words[:60]} ... {words[-100:]}"
