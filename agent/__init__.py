"""Floor 3: models, tools, and the loops that turn an issue into a patch with tests."""

from agent.assignment import Assignment
from agent.budget import Budget
from agent.context import Context, ContextSettings, gather
from agent.kinds import run_agent
from agent.messages import Message, Reply, Sampling, ToolCall, ToolSpec, Usage
from agent.models import Capabilities, Model, known_models, load_model
from agent.tape import MemoryTape, Tape
from agent.trajectory import ExitReason, Observation, Trajectory, Turn

__all__ = [
    "Assignment",
    "Budget",
    "Capabilities",
    "Context",
    "ContextSettings",
    "ExitReason",
    "MemoryTape",
    "Message",
    "Model",
    "Observation",
    "Reply",
    "Sampling",
    "Tape",
    "ToolCall",
    "ToolSpec",
    "Trajectory",
    "Turn",
    "Usage",
    "gather",
    "known_models",
    "load_model",
    "run_agent",
]
