"""Floor 1: sealed rooms in which untrusted code runs."""
