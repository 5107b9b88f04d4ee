"""Where tasks come from: one file for each kind of source, behind one small protocol."""

from envs.sources.base import Source
from envs.sources.choice import Choice
from envs.sources.registry import chosen_tasks, find_task, open_source

__all__ = ["Choice", "Source", "chosen_tasks", "find_task", "open_source"]
