"""Sandboxes of both kinds, and what the contract's tests are given."""

from __future__ import annotations

import functools
import gc
import os
import warnings
from collections.abc import AsyncIterator, Iterator

import pytest
from docker import DockerClient

from sandbox.base import SandboxHost
from sandbox.contract.fixtures import IMAGE, box, outside, repository, root  # noqa: F401
from sandbox.hosts import open_host


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
def image(kind: str) -> str | None:
    """The image a kind starts from."""
    return IMAGE if kind == "docker" else None


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
async def host(kind: str) -> AsyncIterator[SandboxHost]:
    opened = open_host(kind)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def daemonless() -> AsyncIterator[SandboxHost]:
    opened = open_host("daemonless")
    try:
        yield opened
    finally:
        await opened.close()
