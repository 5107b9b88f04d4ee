"""Floor 3: models, tools, and the loops that turn an issue into a patch with tests."""
