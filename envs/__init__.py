"""Floor 2: tasks, where they come from, and how they are graded."""

from envs.outcomes import Outcome, TestRun
from envs.task import Environment, Grading, PublicTask, Sealed, Task, TaskError

__all__ = ["Environment", "Grading", "Outcome", "PublicTask", "Sealed", "Task", "TaskError", "TestRun"]
