"""Patches that forge the report of the tests instead of fixing the bug, under both rules of grading."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from envs.git import commit_tree, git
from envs.grading import GradeStatus, grade
from envs.outcomes import Outcome
from envs.prepare import Prepared, prepare
from envs.task import Environment, Grading, Sealed, Task
from tests.interpreter import lean_python

BUGGY = 'def half(n):\n    """Return n / 2."""\n    return n // 2\n'
FIXED = BUGGY.replace("//", "/")
OLD = "import tiny\n\n\ndef test_even():\n    assert tiny.half(4) == 2\n"
NEW = f"""import unittest

{OLD}

def test_odd():
    assert tiny.half(5) == 2.5


class TestHalf(unittest.TestCase):
    def test_third(self):
        self.assertEqual(tiny.half(3), 1.5)
"""
HIDDEN = ("tests/test_tiny.py::test_odd", "tests/test_tiny.py::TestHalf::test_third")
KEPT = "tests/test_tiny.py::test_even"
RUNNER = "python -m pytest -p no:cacheprovider"
PRINT = "".join(f'print("PASSED {one}")\n' for one in (*HIDDEN, KEPT)) + 'print("3 passed in 0.01s")\n'
MARKERS = 'print(">>>>> Start Test Output")\n' + PRINT + 'print(">>>>> End Test Output")\n'
JUNIT = """
import sys
path = next((word.split("=", 1)[1] for word in sys.argv if word.startswith("--junitxml=")), "/tmp/x.xml")
cases = [("", "test_odd"), (".TestHalf", "test_third"), ("", "test_even")]
row = '<testcase classname="tests.test_tiny%s" name="%s" file="tests/test_tiny.py" time="0.1"/>'
rows = "".join(row % case for case in cases)
report = '<?xml version="1.0"?><testsuites><testsuite name="pytest" tests="3" failures="0" errors="0">'
report += rows + "</testsuite></testsuites>"
def forge():
    with open(path, "w") as file:
        file.write(report)
"""


def indented(text):
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())


def at_exit(code):
    return f"import atexit, os, sys\n\n\n@atexit.register\ndef last():\n{indented(code)}\n"


def in_half(code):
    return f"import os, signal, subprocess, sys\n\n\ndef half(n):\n{indented(code)}    return n // 2\n"


PASS_ALL = """
import pytest


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    report.outcome = "passed"
"""

FORGERIES = {
    "prints at import": {"tiny.py": PRINT + BUGGY},
    "prints past the capture": {
        "tiny.py": "import os\nfor line in '''" + PRINT + "'''.splitlines():\n"
        "    os.write(2, line[7:-2].encode() + b'\\n')\n" + BUGGY
    },
    "prints in a test": {"tiny.py": in_half(PRINT)},
    "prints at exit": {"tiny.py": at_exit(PRINT) + BUGGY},
    "prints markers at exit": {"tiny.py": at_exit(MARKERS + "sys.stdout.flush()\nos._exit(0)") + BUGGY},
    "prints markers at import": {"tiny.py": MARKERS + BUGGY},
    "conftest": {"conftest.py": PASS_ALL},
    "conftest of the tests": {"tests/conftest.py": PASS_ALL},
    "pytest.ini": {"pytest.ini": "[pytest]\naddopts = -k even\n"},
    "tox.ini": {"tox.ini": "[pytest]\naddopts = -p tiny_plugin\n", "tiny_plugin.py": PASS_ALL},
    "setup.cfg": {"setup.cfg": "[tool:pytest]\naddopts = -p tiny_plugin\n", "tiny_plugin.py": PASS_ALL},
    "pyproject.toml": {
        "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '-p tiny_plugin'\n",
        "tiny_plugin.py": PASS_ALL,
    },
    "sitecustomize": {"sitecustomize.py": at_exit(PRINT + "sys.stdout.flush()\nos._exit(0)")},
    "plugin entry point": {
        "tiny.egg-info/entry_points.txt": "[pytest11]\ntiny = tiny_plugin\n",
        "tiny.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n",
        "tiny-1.dist-info/entry_points.txt": "[pytest11]\ntiny = tiny_plugin\n",
        "tiny-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1\n",
        "tiny_plugin.py": PASS_ALL,
        "evil.pth": "import tiny_plugin\n",
    },
    "module of the runner": {"pytest.py": PRINT + "raise SystemExit(0)\n"},
    "module of the runner's needs": {"pluggy/__init__.py": PRINT + "raise SystemExit(0)\n"},
    "module of the library": {"unittest/__init__.py": "class TestCase: ...\n"},
    "rewrites pytest's reports": {
        "tiny.py": "import _pytest.reports\n"
        "made = _pytest.reports.TestReport.from_item_and_call.__func__\n"
        "def forged(cls, item, call):\n    call.excinfo = None\n    return made(cls, item, call)\n"
        "_pytest.reports.TestReport.from_item_and_call = classmethod(forged)\n" + BUGGY
    },
    "rewrites pytest's calls": {
        "tiny.py": "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None\n" + BUGGY
    },
    "rewrites unittest's cases": {
        "tiny.py": "import unittest\nunittest.TestCase.assertEqual = lambda *a, **k: None\n"
        + BUGGY.replace("n // 2", "n / 2 if n == 5 else n // 2")
    },
    "rewrites how unittest calls": {
        "tiny.py": "import unittest.case\n"
        "unittest.case.TestCase._callTestMethod = lambda self, method: None\n"
        + BUGGY.replace("n // 2", "n / 2 if n == 5 else n // 2")
    },
    "exits 0 at exit": {"tiny.py": at_exit("os._exit(0)") + BUGGY},
    "ends at import": {"tiny.py": f"import os, sys\n{PRINT}sys.stdout.flush()\nos._exit(0)\n{BUGGY}"},
    "ends in a test": {"tiny.py": in_half(PRINT + "sys.stdout.flush()\nos._exit(0)")},
    "ends pytest": {"tiny.py": "import pytest\npytest.exit('done', returncode=0)\n" + BUGGY},
    "kills the shell": {"tiny.py": in_half("os.kill(os.getppid(), signal.SIGKILL)")},
    "kills everything": {"tiny.py": in_half(PRINT + "os.kill(-1, signal.SIGKILL)")},
    "kills itself": {"tiny.py": "import os\nos.kill(os.getpid(), 9)\n" + BUGGY},
    "writes the report at import": {"tiny.py": JUNIT + "forge()\nimport os\nos._exit(0)\n" + BUGGY},
    "writes the report at exit": {
        "tiny.py": JUNIT + "import atexit, os\natexit.register(lambda: (forge(), os._exit(0)))\n" + BUGGY
    },
    "edits the hidden tests": {"tests/test_tiny.py": "def test_odd(): ...\n\n\ndef test_even(): ...\n"},
    "deletes the hidden tests": {"tests/test_tiny.py": None},
    "removes the history": {"tiny.py": "import shutil\nshutil.rmtree('.git', ignore_errors=True)\n" + BUGGY},
    "skips": {"tiny.py": "import pytest\npytest.skip('later', allow_module_level=True)\n" + BUGGY},
    "skips in a test": {"tiny.py": "import pytest\n" + in_half("import pytest\npytest.skip('later')")},
    "rewrites the tests before they are read": {
        "tiny.py": "import pathlib\npathlib.Path('tests/test_tiny.py').write_text('def test_odd(): ...')\n"
        + BUGGY
    },
}


@dataclass(frozen=True)
class Trial:
    """A repository with the bug, as both rules grade it."""

    repository: Path
    tasks: tuple[Task, ...]
    prepared: Prepared

    def patch(self, files):
        """Return the diff that changes files; one that says nothing of the package leaves the bug in it."""
        for name, text in files.items():
            path = self.repository / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        git(self.repository, "add", "--all", "--force")
        diff = git(self.repository, "diff", "--cached", "--binary").decode()
        git(self.repository, "reset", "--quiet", "--hard")
        return diff

    async def grades(self, host, files):
        patch = self.patch(files)
        return await asyncio.gather(
            *(grade(task, self.prepared, host, patch, seconds=60) for task in self.tasks)
        )


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forgery")
    repository = folder / "tiny"
    (repository / "tests").mkdir(parents=True)
    (repository / "tiny.py").write_text(BUGGY)
    (repository / "tests" / "test_tiny.py").write_text(OLD)
    base = commit_tree(repository, "base")
    made = Trial(repository, (), None)
    test_patch = made.patch({"tests/test_tiny.py": NEW})

    def task(name, command, log_parser):
        grading = Grading(
            test_patch=test_patch,
            test_command=command,
            fail_to_pass=HIDDEN,
            pass_to_pass=(KEPT,),
            test_files=("tests/test_tiny.py",),
            gold_patch=made.patch({"tiny.py": FIXED}),
            log_parser=log_parser,
        )
        environment = Environment(python=str(lean_python()))
        return Task(name, "local/tiny", base, "half(5) is 2", environment, RUNNER, Sealed(grading))

    tasks = (
        task("junit", f"{RUNNER} -o addopts= tests/test_tiny.py", "junit"),
        task("log", "python -m pytest -rA tests/test_tiny.py", "parse_log_pytest"),
    )
    return Trial(repository, tasks, asyncio.run(prepare(tasks[0], repository, folder / "home")))


async def test_the_fix_is_resolved(trial, host):
    for found in await trial.grades(host, {"tiny.py": FIXED}):
        assert (found.status, found.message, found.runs) == (GradeStatus.RESOLVED, "", 1), found.log
        assert set(found.fail_to_pass.values()) == {Outcome.PASSED}
        assert found.pass_to_pass == {KEPT: Outcome.PASSED}


async def test_a_fix_that_prints_much_is_resolved(trial, host):
    noise = at_exit('print("3 failed, 1 passed\\nsome output of mine")')
    for found in await trial.grades(host, {"tiny.py": noise + FIXED, "tiny_notes.txt": "x\n"}):
        assert found.status is GradeStatus.RESOLVED, (found.message, found.log)


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forgery_is_graded_by_what_the_tests_did(trial, host, forgery):
    for found in await trial.grades(host, FORGERIES[forgery]):
        assert found.status is GradeStatus.UNRESOLVED, (found.instance_id, found.message, found.log)
        assert len(found.fail_to_pass) == len(HIDDEN)
