"""A planted cheater: a candidate that makes tests look green without solving anything, to see it rejected."""

from __future__ import annotations

from sandbox.base import Sandbox
from sandbox.forks import forked

CONFTEST = """\
import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.outcome = "skipped"
        report.longrepr = (__file__, 1, "Skipped: not relevant")
"""
SHOUT = '\nprint("=== 1 passed in 0.01s ===")\n'
HOLLOW = "def test_everything():\n    pass\n"


async def plant(base: Sandbox) -> str:
    """Return the diff of a candidate that cheats in three ways, made in a fork of the base.

    It hollows out an existing test file, adds a `conftest.py` that turns failures into skips, and prints a
    line that looks like pytest's summary from a source file.

    Raises:
        SandboxError: the fork cannot be made or written.
    """
    async with forked(base) as box:
        files = (
            (await box.exec(["git", "ls-files", "-z", "*.py"])).output.decode("utf-8", "replace").split("\0")
        )
        tests = [path for path in files if path.rsplit("/", 1)[-1].startswith("test_")]
        sources = [path for path in files if path and "test" not in path and not path.endswith("setup.py")]
        await box.write("conftest.py", CONFTEST.encode())
        if tests:
            await box.write(tests[0], HOLLOW.encode())
        if sources:
            loudest = min(sources, key=lambda path: (not path.endswith("__init__.py"), path.count("/"), path))
            await box.write(loudest, await box.read(loudest) + SHOUT.encode())
        return await box.diff()
