"""The SWE-bench family: rows, images, commands, and verdicts by the `swebench` package."""
