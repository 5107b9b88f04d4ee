"""Letting go of a model's connections when nobody asks it any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Protocol, TypeVar, runtime_checkable

from agent.models.base import Model

SECONDS = 10.0
"""Wall time that closing may take."""

_Model = TypeVar("_Model", bound=Model)


@runtime_checkable
class Closing(Protocol):
    """A backend that holds connections or processes; optional."""

    async def close(self) -> None:
        """Let go of them; a later request opens them again."""


@asynccontextmanager
async def closing(model: _Model) -> AsyncIterator[_Model]:
    """Give a model for the length of a block, and close it however the block ends."""
    try:
        yield model
    finally:
        await close(model)


async def close(model: object) -> None:
    """Close a model that can be closed; one that fails at it, or takes too long, is left as it is."""
    if isinstance(model, Closing):
        with suppress(Exception):  # what its replies have won is not lost for a connection
            async with asyncio.timeout(SECONDS):
                await model.close()
