"""What tests of several rooms share: the Docker engine, and a registry on this machine."""

from __future__ import annotations

import functools
import gc
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from sandbox.contract.fixtures import IMAGE

if TYPE_CHECKING:
    from docker import DockerClient

_PASSWORDS = "user:$2b$05$Qh/0gJshSEzMFREfkco1hOyWlLIDKROkg3jxZOHweGk3aqqkthDc2\n"  # of "secret"
_AUTH = "auth:\n  htpasswd:\n    realm: tests\n    path: {folder}/passwords\n"


@functools.cache
def docker_missing() -> str:
    """Return why there is no Docker to test with; empty when there is.

    Where MANGABEY_TEST_DOCKER is set it must be there, and a test that needs it fails.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the SDK leaves a refused socket to the collector
        missing = _look_for_docker()
        gc.collect()
    if missing and os.environ.get("MANGABEY_TEST_DOCKER"):
        pytest.fail(f"Docker must be tested here, but {missing}")
    return missing


def _look_for_docker() -> str:
    import docker
    from docker.errors import DockerException, ImageNotFound

    try:
        engine = docker.from_env(timeout=10)
    except DockerException:
        return "no Docker engine answers"
    try:
        engine.images.get(IMAGE)
    except ImageNotFound:
        return f"there is no image {IMAGE}; scripts/base-image.sh makes it"
    finally:
        engine.close()
    return ""


def pytest_terminal_summary(terminalreporter):
    if terminalreporter.stats.get("skipped") and docker_missing():
        terminalreporter.write_line(f"Docker sandbox not tested: {docker_missing()}")


@pytest.fixture(params=["daemonless", pytest.param("docker", marks=pytest.mark.docker)])
def kind(request: pytest.FixtureRequest) -> str:
    """Which implementation a test runs against."""
    if request.param == "docker" and docker_missing():
        pytest.skip(docker_missing())
    return request.param


@pytest.fixture
def needs_docker() -> None:
    """Skip a test where there is no Docker."""
    if docker_missing():
        pytest.skip(docker_missing())


@pytest.fixture
def engine(needs_docker: None) -> Iterator[DockerClient]:
    """The Docker engine that is tested with."""
    import docker

    client = docker.from_env(timeout=60)
    yield client
    client.close()


@pytest.fixture
def registry(tmp_path, request):
    """A registry on this machine; with the parameter "closed" it asks for a password."""
    if shutil.which("docker-registry") is None:
        pytest.skip("docker-registry is not installed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    (tmp_path / "passwords").write_text(_PASSWORDS)
    closed = getattr(request, "param", "") == "closed"
    (tmp_path / "config.yml").write_text(
        f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {tmp_path}/data\n"
        f"http:\n  addr: {address}\n" + (_AUTH.format(folder=tmp_path) if closed else "")
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", tmp_path / "config.yml"], stdout=log, stderr=log
        )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://{address}/v2/", timeout=1).close()
        except urllib.error.HTTPError as error:
            error.close()
            break
        except OSError:
            time.sleep(0.05)
        else:
            break
    yield address
    process.kill()
    process.wait()


def push(engine: DockerClient, image: str, name: str, **login: str) -> None:
    """Leave an image at a registry, and not under that name here."""
    engine.images.get(image).tag(name)
    told = engine.api.push(name, stream=True, decode=True, auth_config=login or None)
    assert not [line for line in told if "error" in line]
    engine.images.remove(name)
