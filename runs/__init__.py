"""Floor 5: the command line, one issue end to end, and the journal."""
