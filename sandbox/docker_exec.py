"""One command in a container, over the engine's attached stream."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox.base import SandboxError, SandboxGoneError
from sandbox.output import Output

if TYPE_CHECKING:
    from docker.models.containers import Container

_WRAPPER = """
command -v -- "$1" > /dev/null 2>&1 || { echo missing >&2; exit 127; }
"$@" 2>&1
code=$?
echo ended >&2
kill -s KILL -- -1
exit $code
"""
"""Ends all of the user's processes after the command. Its own stderr is a second channel, for two words."""

_STDERR = 2


class Exchange:
    """A command that has been started in a container.

    Raises:
        SandboxGoneError: the container does not run any more.
        SandboxError: the folder does not exist, or the engine refuses.
    """

    def __init__(
        self,
        container: Container,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str,
        user: int,
        stdin: bytes,
    ) -> None:
        from docker.errors import APIError, DockerException

        assert container.client is not None
        _check_text([*argv, *env.values(), cwd])
        self._api = container.client.api
        self._said = b""
        try:
            created = self._api.exec_create(
                container.id,
                ["/bin/sh", "-c", _WRAPPER, "sh", *argv],
                stdin=bool(stdin),
                environment=dict(env),
                workdir=cwd,
                user=f"{user}:{user}",
            )
            self._id = created["Id"]
            self._stream = self._api.exec_start(self._id, socket=True)
        except APIError as error:
            if error.status_code in (404, 409):
                raise SandboxGoneError("the container is gone; start another sandbox") from error
            raise SandboxError(f"the command could not be started: {error.explanation}") from error
        except (DockerException, OSError) as error:
            raise SandboxGoneError(f"the engine does not answer: {error}") from error
        if stdin:
            threading.Thread(target=self._feed, args=(stdin,), daemon=True).start()

    @property
    def orderly(self) -> bool:
        """Whether the wrapper came to its end, and so ended everything the command had started."""
        return b"ended" in self._said or self.missing

    @property
    def missing(self) -> bool:
        """Whether the program does not exist."""
        return self._said.startswith(b"missing")

    def finish(self, kept: Output) -> int:
        """Take the output until the command ends; return the engine's exit code."""
        from docker.errors import APIError

        try:
            for stream, data in _frames(self._stream):
                if stream == _STDERR:
                    self._said = (self._said + data)[:64]
                else:
                    kept.feed(data)
            code = self._api.exec_inspect(self._id)["ExitCode"]
        except (APIError, OSError) as error:
            raise SandboxGoneError("the container died; start another sandbox") from error
        finally:
            self._close()
        if code is None:
            raise SandboxGoneError("the container died; start another sandbox")
        return int(code)

    def _close(self) -> None:
        """Close the engine's answer, its stream, and the socket below, which either leaves open."""
        raw = self._raw()
        answer = getattr(self._stream, "_response", None)
        for held in (answer, self._stream, raw):
            if held is not None:
                held.close()

    def _raw(self) -> socket.socket:
        return getattr(self._stream, "_sock", self._stream)  # type: ignore[arg-type]

    def _feed(self, data: bytes) -> None:
        raw = self._raw()
        with suppress(OSError):  # a command need not read what it is given
            raw.sendall(data)
            raw.shutdown(socket.SHUT_WR)


def _check_text(words: Sequence[str]) -> None:
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise SandboxError(
                f"{word!r} is no valid UTF-8, and Docker carries nothing else; use --sandbox daemonless"
            ) from None


def _frames(stream: object) -> Iterator[tuple[int, bytes]]:
    from docker.utils.socket import frames_iter

    yield from frames_iter(stream, tty=False)  # type: ignore[no-untyped-call]


def check_alive(container: Container) -> None:
    """See that a container still runs.

    Raises:
        SandboxGoneError: it does not.
    """
    from docker.errors import DockerException

    try:
        container.reload()
    except DockerException as error:
        raise SandboxGoneError("the container is gone; start another sandbox") from error
    if container.status != "running":
        raise SandboxGoneError(f"the container is {container.status}; start another sandbox")


def user_signal(container: Container, name: str, user: int) -> None:
    """Send a signal to every process of the guest."""
    from docker.errors import DockerException

    with suppress(DockerException):  # a container that is gone has no processes
        container.exec_run(["/bin/sh", "-c", f"kill -s {name} -- -1"], user=f"{user}:{user}")
