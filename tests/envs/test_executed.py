from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from envs import executed
from envs.executed import run_by_programs, run_by_tests
from envs.git import git
from envs.prepare import prepare
from envs.task import Environment, Task
from sandbox.forks import forked
from tests.interpreter import lean_python

PYTHONS = (sys.executable, *(f"python3.{minor}" for minor in range(6, 15)))
CALC = """
import threading

def kept(f):
    return f

@kept
def outer(x):
    return sum(inner(x))

def inner(x):
    yield x

def beside():
    thread = threading.Thread(target=outer, args=(1,))
    thread.start()
    thread.join()

class Box:
    def open(self):
        return (lambda: 1)()

    def shut(self):
        return 2
"""
KEPT, OUTER, INNER, BESIDE, OPEN, SHUT = 4, 7, 11, 14, 20, 23
RUNNER = "python -m pytest -p no:cacheprovider -o addopts="


@pytest.fixture
def guest(tmp_path):
    (tmp_path / "calc.py").write_text(CALC)

    def run(python, *programs, seconds=1.0, total=20.0):
        done = subprocess.run(
            ["/bin/bash", "-c", 'exec 9>&1 >/dev/null 2>&1; exec "$0" -', python],
            input=executed._guest(programs=list(programs), seconds=seconds, total=total),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            timeout=60,
            check=True,
        )
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return {line["run"]: set(line["ran"].get("calc.py", ())) for line in lines}

    return run


@pytest.mark.parametrize("python", PYTHONS)
def test_the_guest_tells_the_functions_that_a_program_runs_however_it_ends(guest, python):
    try:
        subprocess.run([python, "-c", ""], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("there is no such Python here")
    found = guest(
        python,
        "import calc\nlist(calc.inner(1))",
        "import calc\ncalc.outer(2)\n1 / 0",
        "import calc\ncalc.beside()\nwhile 1:\n  try:\n    while 1: pass\n  except BaseException: pass",
        "from calc import *\nBox().open()\nraise SystemExit(2)",
        "import calc",
        "def f(",
        "import nowhere_at_all",
        "import os\nos._exit(3)",
        "import calc\ncalc.inner",
    )
    assert found["0"] == {INNER}
    assert found["1"] == {OUTER, INNER}
    assert found["2"] == {BESIDE, OUTER, INNER}
    assert found["3"] - {OPEN + 1} == {OPEN}
    assert found["4"] == found["5"] == found["6"] == found["8"] == set()
    assert "7" not in found
    assert not any(KEPT in ran for ran in found.values())


def test_the_guest_is_bounded(guest):
    began = time.monotonic()
    found = guest(sys.executable, *["import time; time.sleep(60)"] * 20, seconds=0.5, total=2.0)
    assert len(found) < 10
    assert time.monotonic() - began < 20


TESTS = {
    "tests/test_a.py": (
        "import pytest\nimport calc\n\nOUT = calc.Box().shut()\n\n"
        "@pytest.fixture\ndef got():\n    return list(calc.inner(1))\n\n"
        "def test_inner(got):\n    assert got == [2]\n\n"
        "@pytest.mark.parametrize('x', ['a b', '[y::z]'])\n"
        "def test_open(x):\n    assert calc.Box().open() == x\n\n"
        "def test_other():\n    calc.beside()\n"
    ),
    "tests/test_unit.py": (
        "import sys, unittest\nimport calc\n\nclass T(unittest.TestCase):\n"
        "    def test_u(self):\n        self.assertEqual(calc.outer(1), 2)\n\n"
        "    def test_traced(self):\n        sys.settrace(None)\n        calc.outer(1)\n"
    ),
    "tests/test_broken.py": "import nowhere_at_all\n\ndef test_x(): pass\n",
}


@pytest.fixture
async def room(make_repository, tmp_path, host):
    folder = make_repository({"calc.py": CALC, "tests/conftest.py": "import calc\n\ncalc.Box().shut()\n"})
    base = git(folder, "rev-parse", "HEAD").decode().strip()
    task = Task("x", "local/x", base, "issue", Environment(python=str(lean_python())), RUNNER)
    return await host.start((await prepare(task, folder, tmp_path / "home")).root)


async def test_tests_tell_what_they_run_and_not_what_their_modules_do(room):
    wanted = {
        "tests/test_a.py::test_inner": {INNER},
        "tests/test_a.py::test_open[a b]": {OPEN, OPEN + 1},
        "tests/test_a.py::test_open[[y::z]]": {OPEN, OPEN + 1},
        "tests/test_unit.py::T::test_u": {OUTER, INNER},
    }
    asked = [
        *wanted,
        "tests/test_unit.py::T::test_traced",
        "tests/test_broken.py::test_x",
        "nowhere.py::test",
    ]
    async with forked(room) as box:
        found = await run_by_tests(box, RUNNER, list(TESTS.items()), asked, timeout=60)
    found = {test: set(ran.get("calc.py", ())) - {OPEN + 1} for test, ran in found.items()}
    assert found.pop("tests/test_unit.py::T::test_traced") <= {OUTER, INNER}
    assert found == {test: ran - {OPEN + 1} for test, ran in wanted.items()}
    assert await room.diff() == ""


async def test_what_was_told_before_a_crash_or_the_end_of_time_stays(room):
    files = [
        ("tests/test_a.py", "import calc\n\ndef test_1():\n    calc.outer(1)\n"),
        ("tests/test_b.py", "import os\n\ndef test_2():\n    os._exit(0)\n\ndef test_3(): pass\n"),
    ]
    asked = ["tests/test_a.py::test_1", "tests/test_b.py::test_2", "tests/test_b.py::test_3"]
    async with forked(room) as box:
        found = await run_by_tests(box, RUNNER, files, asked, timeout=60)
    assert list(found) == asked[:1]


async def test_what_is_no_runner_tells_nothing_and_forged_lines_are_not_believed(room):
    forged = (
        "import os, json\n\ndef test_1():\n    import calc\n    calc.outer(1)\n"
        "    line = {'run': 'tests/test_a.py::test_1', 'ran': {'calc.py': [20]}}\n"
        "    os.write(9, json.dumps(line).encode() + b'\\n{\"run\": 1}\\nrubbish\\n')\n"
    )
    for runner, text in (("true", "def test_1(): pass\n"), ("exit 3;", forged), (RUNNER, forged)):
        async with forked(room) as box:
            files = [("tests/test_a.py", text)]
            assert await run_by_tests(box, runner, files, ["tests/test_a.py::test_1"], timeout=60) == {}


async def test_programs_are_run_in_a_sandbox(room):
    async with forked(room) as box:
        sources = [
            "import calc\ncalc.Box().shut()",
            "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
            "import calc",
        ]
        found = await run_by_programs(box, sources, seconds=5.0, total=20.0)
    assert found[0] == {"calc.py": (SHUT,)}
    assert 2 not in found
