"""A recipe: how much is spent on an issue, on what, and who decides."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from agent.models.retries import Patience
from runs.roles import Role
from sandbox.base import Limits

LISTINGS = 8 << 20
"""Bytes of one command's output that are kept: enough for the file names of a large repository."""


class Recipe(BaseModel):
    """How one issue is solved; what a run used is kept in its `run.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = "builtin/repair"
    """Backend, as `provider/model`, or a mixture `WEIGHT*NAME + WEIGHT*NAME`."""
    models: dict[Role, str] = Field(default_factory=dict)
    """Models of roles that have one of their own."""
    call_seconds: float = Field(default=600.0, gt=0)
    """Wall time one sending of a request may take."""
    attempts: int = Field(default=6, ge=1, le=100)
    """Times a request is sent while only the server or the way to it fails."""
    samples: int = Field(default=4, ge=1, le=1000)
    """Trajectories."""
    parallel: int = Field(default=4, ge=1, le=256)
    """Trajectories at one time."""
    temperature: float = Field(default=0.8, ge=0.0, le=2.0)
    """Of all samples but the first, which is greedy."""
    seed: int = 0
    steps: int = Field(default=80, ge=1)
    """Model calls a trajectory may make."""
    seconds: float = Field(default=300.0, gt=0)
    """Wall time a trajectory may take."""
    tokens: int | None = Field(default=None, ge=1)
    """Tokens a trajectory may use, prompts and replies together; None for no limit."""
    dollars: float | None = Field(default=None, gt=0)
    """Money a trajectory may spend; None for no limit."""
    sandbox: str = "auto"
    """`auto`, `daemonless`, `docker`, the name of an installed plug-in, or `module:Class`."""
    image: str | None = None
    """Image for tasks that name none: a Docker image, or a path of one (daemonless)."""
    memory_mb: int = Field(default=2048, ge=64)
    """Memory of one sandbox."""
    test_seconds: float = Field(default=120.0, gt=0)
    """Wall time one run of a test file may take."""
    grade: bool = True
    """Whether to run the hidden tests once the selection is final, where the task has any."""

    def model_for(self, role: Role) -> str:
        """Return the name of a role's model."""
        return self.models.get(role, self.model)

    def patience(self) -> Patience:
        """Return what one model call may take."""
        return Patience(attempts=self.attempts, call_seconds=self.call_seconds)

    def limits(self) -> Limits:
        """Return the limits of each sandbox."""
        return Limits(memory=self.memory_mb << 20, seconds=self.test_seconds, output=LISTINGS)
