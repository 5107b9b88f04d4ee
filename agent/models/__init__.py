"""Model backends, found by name."""

from agent.models.base import (
    ContextOverflowError,
    Model,
    ModelError,
    ModelUnavailableError,
    ReplayDivergedError,
    UnknownModelError,
)
from agent.models.registry import known_models, load_model

__all__ = [
    "ContextOverflowError",
    "Model",
    "ModelError",
    "ModelUnavailableError",
    "ReplayDivergedError",
    "UnknownModelError",
    "known_models",
    "load_model",
]
