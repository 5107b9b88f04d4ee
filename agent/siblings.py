"""Tests of the other trajectories in the room of one: shown to it, and run on its tree."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from agent.excerpts import cut_middle, first_line, last_of_tests
from agent.shelf import SharedTest, last_versions
from envs.outcomes import Outcome, TestRun
from envs.testrun import run_tests
from sandbox.base import Sandbox
from sandbox.forks import forked

FOLDER = "/tmp/others"  # noqa: S108 (inside of the sandbox, where /tmp is private)
MOST = 12
"""Tests of others that are looked at, the latest ones."""
SHOWN = 3
"""Files whose failures are shown."""
LINES = 12
"""Last lines of the output that are shown."""

_SPEAKS = frozenset({Outcome.FAILED, Outcome.ERROR})
"""Outcomes that speak against a tree; what was not run to its end says nothing of it."""


SEED = """\
{work}

Begin with these tests, which another attempt wrote for the issue. They fail on the untouched code and are
guesses at what it asks for: judge each against the issue.

{files}"""
CONTENT = 6000
"""Characters of such a file that are shown."""


def seeded(work: str, tests: Sequence[SharedTest]) -> str:
    """Return what a trajectory is to do, and behind it the tests that it starts from, where it has any."""
    if not tests:
        return work
    files = [
        f"{test.path}, of attempt {test.author}:\n"
        f"<file>\n{cut_middle(test.content, CONTENT).rstrip()}\n</file>"
        for test in tests
    ]
    return SEED.format(work=work.strip("\n"), files="\n\n".join(files))


async def lay_out(sandbox: Sandbox, tests: Sequence[SharedTest]) -> str:
    """Write tests of others beside the repository, and return where each lies; empty without any.

    Raises:
        SandboxError: one cannot be written.
    """
    placed = [(f"{FOLDER}/{path}", test) for path, test in _placed(tests)]
    for path, test in placed:
        await sandbox.write(path, _encoded(test))
    return "\n".join(f"- {path}, of attempt {test.author}" for path, test in placed)


async def failures(sandbox: Sandbox, runner: str, tests: Sequence[SharedTest], seconds: float) -> str:
    """Run tests of others in a fork, and return what failed of which file; empty where nothing did.

    Raises:
        SandboxError: it cannot be forked, or the fork fails.
    """
    placed = dict(_placed(tests))
    async with forked(sandbox) as fork:
        for path, test in placed.items():
            await fork.write(path, _encoded(test))
        run = await run_tests(fork, runner, list(placed), timeout=seconds)
    failing = {path: bad for path in placed if (bad := _failing(run, path))}
    if not failing:
        return ""
    shown = [
        f"- {path}, of attempt {placed[path].author}: {_told(run, bad)}"
        for path, bad in list(failing.items())[:SHOWN]
    ]
    more = [f"- and {len(failing) - SHOWN} more files"] if len(failing) > SHOWN else []
    output = f"The last lines of the output:\n{last_of_tests(run.output, LINES)}"
    return "\n".join([*shown, *more, output])


def _placed(tests: Sequence[SharedTest]) -> Iterator[tuple[str, SharedTest]]:
    """Yield the latest tests, no two with the same name of a file: pytest takes such for one module."""
    names: set[str] = set()
    for test in last_versions(tests)[-MOST:]:
        folder, name = posixpath.split(test.path)
        stem, number = name.removesuffix(".py"), 2
        while name in names:
            name, number = f"{stem}_{number}.py", number + 1
        names.add(name)
        yield posixpath.join(folder, name), test


def _failing(run: TestRun, path: str) -> list[str]:
    return [
        test
        for test, outcome in run.outcomes.items()
        if (test == path or test.startswith(f"{path}::")) and outcome in _SPEAKS
    ]


def _told(run: TestRun, tests: Sequence[str]) -> str:
    first = tests[0]
    why = first_line(run.messages.get(first, ""), 200)
    more = f", and {len(tests) - 1} more" if len(tests) > 1 else ""
    return f"{first.partition('::')[2] or first} {run.outcomes[first]}{f': {why}' if why else ''}{more}"


def _encoded(test: SharedTest) -> bytes:
    return test.content.encode("utf-8", "surrogateescape")
