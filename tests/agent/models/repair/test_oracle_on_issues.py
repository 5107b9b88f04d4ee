"""Issues as people write them: the strongest test that fails before the fix must pass after it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from defusedxml import ElementTree

from agent.models.repair.issue import read_issue
from agent.models.repair.oracle import ReproTest, write_tests

ISSUES = {path.stem: path for path in sorted((Path(__file__).parent / "issues").glob("*.md"))}


def parts(name: str) -> tuple[str, str, str]:
    """Return the issue, the buggy module, and the fixed one."""
    issue, buggy, fixed = re.split(r"<!-- \w+: \w+\.py -->\n", ISSUES[name].read_text())
    return issue, buggy, fixed


def passing(folder: Path, sources: dict[str, list[ReproTest]], modules: dict[str, str]) -> set[str]:
    """Run all tests with some modules; return `issue-rank` of those that pass."""
    folder.mkdir()
    for name, source in modules.items():
        (folder / f"{name}.py").write_text(source)
    for name, tests in sources.items():
        for rank, test in enumerate(tests):
            (folder / f"test_{name}_{rank}.py").write_text(test.source)
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--timeout=20",
        "--junitxml=out.xml",
        ".",
    ]
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=150, check=False)
    cases = ElementTree.parse(folder / "out.xml").getroot().iter("testcase")
    return {case.get("classname").removeprefix("test_") for case in cases if len(case) == 0}


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """For each issue, what each of its tests does: good, passes on both, or fails after the fix."""
    read = {name: parts(name) for name in ISSUES}
    tests = {name: list(write_tests(read_issue(issue))) for name, (issue, _, _) in read.items()}
    folder = tmp_path_factory.mktemp("issues")
    before = passing(folder / "buggy", tests, {name: buggy for name, (_, buggy, _) in read.items()})
    after = passing(folder / "fixed", tests, {name: fixed for name, (_, _, fixed) in read.items()})
    return {
        name: [
            "idle" if f"{name}_{rank}" in before else "good" if f"{name}_{rank}" in after else "wrong"
            for rank in range(len(tests[name]))
        ]
        for name in ISSUES
    }


@pytest.mark.parametrize("name", ISSUES)
def test_the_strongest_failing_test_is_right(name: str, ranks: dict[str, list[str]]) -> None:
    failing = [state for state in ranks[name] if state != "idle"]

    assert failing[:1] == ["good"], ranks[name]
    assert "good" in ranks[name][:4]
