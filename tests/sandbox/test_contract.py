"""Both sandboxes fulfil the contract, the daemonless one with this machine's programs and with an image's."""

import subprocess

import pytest

from sandbox.contract import *  # noqa: F403
from sandbox.contract.fixtures import IMAGE
from tests.conftest import docker_missing


@pytest.fixture(
    params=["daemonless", *(pytest.param(name, marks=pytest.mark.docker) for name in ("image", "docker"))]
)
def place(request):
    """Which kind a test runs against, and whether it starts from an image."""
    if request.param != "daemonless" and docker_missing():
        pytest.skip(docker_missing())
    return request.param


@pytest.fixture
def kind(place):
    return "docker" if place == "docker" else "daemonless"


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """The image that Docker is tested with, as an archive, and a folder in which it is unpacked once."""
    folder = tmp_path_factory.mktemp("saved")
    subprocess.run(["docker", "save", "-o", folder / "image.tar", IMAGE], check=True)
    return folder


@pytest.fixture
def image(place, request, monkeypatch):
    if place != "image":
        return IMAGE if place == "docker" else None
    folder = request.getfixturevalue("saved")
    monkeypatch.setenv("MANGABEY_HOME", str(folder))
    return str(folder / "image.tar")
