"""Many issues: the order, the queue, one issue's outcome, executors, and what is left on disk."""
