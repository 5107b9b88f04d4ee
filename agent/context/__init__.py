"""What all trajectories of an issue are shown of the repository, made once."""

from agent.context.gathering import gather
from agent.context.settings import ContextSettings
from agent.context.value import Context

__all__ = ["Context", "ContextSettings", "gather"]
