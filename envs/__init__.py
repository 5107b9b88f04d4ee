"""Floor 2: tasks, where they come from, and how they are graded."""
