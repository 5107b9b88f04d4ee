"""What pytest and the interpreter take orders from: files that decide how tests run, whoever wrote them.

One list serves the selector, which drops changes of these files from a candidate, and grading, which puts
them back to what the base has.
"""

from __future__ import annotations

RUNNER_FILES = (
    "conftest.py",
    "pytest.ini",
    ".pytest.ini",
    "pytest.toml",
    ".pytest.toml",
    "tox.ini",
    "noxfile.py",
    ".coveragerc",
    "sitecustomize",
    "sitecustomize.*",
    "usercustomize",
    "usercustomize.*",
    "*.pth",
    "entry_points.txt",
)
"""Names, anywhere, of files that do nothing else; setup.cfg and pyproject.toml do this and much more."""

RUNNER_MODULES = (
    "pytest",
    "_pytest",
    "pluggy",
    "iniconfig",
    "pytest_timeout",
    "unittest",
    "coverage",
    "xdist",
    "junitparser",
)
"""Modules of the runner, which a file or folder of that name would hide."""
