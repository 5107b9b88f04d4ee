"""What can go wrong while a model is served."""

from __future__ import annotations

from agent.models.errors import ModelUnavailableError


class ServingError(ModelUnavailableError):
    """A server cannot be started or kept; the message carries the decisive line of its log."""


class OrderError(ServingError, ValueError):
    """What is asked for cannot be served here; nothing was started, and the message says what can be."""
