"""Trajectories that other agents have recorded, as ours."""

from agent.foreign.reading import TrajectoryFileError, is_foreign, read_trajectory

__all__ = ["TrajectoryFileError", "is_foreign", "read_trajectory"]
