"""Both sandboxes fulfil the contract."""

import pytest

from sandbox.contract import *  # noqa: F403
from sandbox.contract.fixtures import IMAGE


@pytest.fixture
def image(kind):
    return IMAGE if kind == "docker" else None
