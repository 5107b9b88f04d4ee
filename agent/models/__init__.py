"""Model backends, found by name."""
