from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from sandbox.contract.fixtures import IMAGE
from tests.runs.batched import Batches
from tests.runs.own_engine import OwnEngine


@pytest.fixture
def batches(tmp_path):
    """A task set and a model in a folder, and the command line run on them."""
    return Batches(tmp_path)


@pytest.fixture
def own_engine(needs_docker, tmp_path_factory):
    """An empty engine that a test may restart and fill."""
    if os.geteuid() or not all(map(shutil.which, ("dockerd", "ip", "unshare", "nsenter"))):
        pytest.skip("only root can start dockerd, where it and iproute2 are installed")
    own = OwnEngine(tmp_path_factory.mktemp("engine"))
    try:
        own.start()
        yield own
        if left := own.docker("ps", "-aq").stdout.split():
            own.docker("rm", "-f", *left)
    finally:
        own.stop()
        shutil.rmtree(own.folder, ignore_errors=True)


@pytest.fixture
def stocked_engine(own_engine):
    """Such an engine with the base image."""
    with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as saved:
        env = os.environ | {"DOCKER_HOST": own_engine.address}
        subprocess.run(["docker", "load"], stdin=saved.stdout, env=env, check=True, capture_output=True)
    return own_engine
