"""Model backends, found by name."""

from agent.models.base import Capabilities, Model
from agent.models.errors import (
    ContextOverflowError,
    ModelError,
    ModelUnavailableError,
    ReplayDivergedError,
    UnknownModelError,
)
from agent.models.registry import known_models, load_model

__all__ = [
    "Capabilities",
    "ContextOverflowError",
    "Model",
    "ModelError",
    "ModelUnavailableError",
    "ReplayDivergedError",
    "UnknownModelError",
    "known_models",
    "load_model",
]
