"""`builtin/repair`: a generate-and-validate repair engine behind the protocol of a model."""

from agent.models.repair.model import RepairModel

__all__ = ["RepairModel"]
