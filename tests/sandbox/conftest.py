"""Sandboxes of both kinds, and what the contract's tests are given."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.base import SandboxHost
from sandbox.contract.fixtures import IMAGE, box, outside, repository, root  # noqa: F401
from sandbox.hosts import open_host


@pytest.fixture
def image(kind: str) -> str | None:
    """The image a kind starts from."""
    return IMAGE if kind == "docker" else None


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
