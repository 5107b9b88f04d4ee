"""Both sandboxes fulfil the contract, the daemonless one with this machine's programs and with an image's.

The tests share a host: what one leaves behind must not trouble the next.
"""

import asyncio
import subprocess
from dataclasses import replace

import pytest
import pytest_asyncio

from sandbox.contract import *  # noqa: F403
from sandbox.contract.fixtures import IMAGE, LIMITS
from sandbox.hosts import open_host
from tests.conftest import docker_missing

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(
    scope="module",
    params=["daemonless", *(pytest.param(name, marks=pytest.mark.docker) for name in ("image", "docker"))],
)
def place(request):
    """Which kind a test runs against, and whether it starts from an image."""
    if request.param != "daemonless" and docker_missing():
        pytest.skip(docker_missing())
    return request.param


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """The image that Docker is tested with, as an archive, and a folder in which it is unpacked once."""
    folder = tmp_path_factory.mktemp("saved")
    subprocess.run(["docker", "save", "-o", folder / "image.tar", IMAGE], check=True)
    return folder


@pytest.fixture(scope="module")
def root(place, repository, request):
    if place != "image":
        yield replace(repository, image=IMAGE if place == "docker" else None)
        return
    folder = request.getfixturevalue("saved")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MANGABEY_HOME", str(folder))
        yield replace(repository, image=str(folder / "image.tar"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(place, root):
    """The host of every test of a place, which outlives them."""
    opened = open_host("docker" if place == "docker" else "daemonless")
    try:
        yield opened
    finally:
        await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def host(shared):
    yield shared
    await asyncio.gather(*(box.close() for box in list(shared._open)))


@pytest_asyncio.fixture(loop_scope="module")
async def box(host, root):
    return await host.start(root, LIMITS)
