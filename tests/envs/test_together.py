from __future__ import annotations

import time

import pytest

from envs.git import git
from envs.outcomes import Outcome
from envs.prepare import prepare
from envs.task import Environment, Task
from envs.testrun import run_tests
from envs.together import run_each, told_lines
from sandbox.base import Status
from sandbox.forks import forked
from tests.interpreter import lean_python

RUNNER = "python -m pytest -p no:cacheprovider -o addopts="
REPOSITORY = {
    "calc.py": "STATE = []\n\ndef add(a, b):\n    return a + b\n",
    "conftest.py": (
        "import calc\nimport gc\nimport pytest\n\n@pytest.fixture\ndef two():\n    return 2\n\n"
        "gc.disable()\n\nclass Base: pass\n\nclass Gone(Base): pass\n\n"
        "@pytest.fixture\ndef base():\n    return Base\n\ndel Gone\n"
    ),
    "tests/conftest.py": "import pytest\n\n@pytest.fixture\ndef three(two):\n    return two + 1\n",
    "tests/data.txt": "data\n",
    "inner.py": "VALUE = 1\n",
    "broken.py": "def no(:\n",
    "worse.py": "raise ValueError('no')\n",
    "noisy.py": "VALUE = 1 if 0 is 1 else 2\n",
}
PLAIN = {
    "tests/test_a.py": (
        "import calc\nimport pytest\n\ndef test_good(three): assert calc.add(1, 2) == three\n\n"
        "def test_bad(): assert 0, 'why'\n\n"
        "@pytest.mark.parametrize('x', ['a b', '[y::z]'])\ndef test_p(x): pass\n\n"
        "class TestC:\n    def test_in(self, tmp_path): (tmp_path / 'x').write_text('x')\n\n"
        "@pytest.mark.skip\ndef test_s(): pass\n\n"
        "@pytest.fixture\ndef bad(): raise ValueError\n\ndef test_f(bad): pass\n"
    ),
    "tests/test_broken.py": "import nowhere_at_all\n\ndef test_x(): pass\n",
    "tests/test_syntax.py": "def test_x(:\n",
    "tests/test_none.py": "x = 1\n",
    "tests/test_module.py": "import broken\n\ndef test_x(): pass\n",
    "tests/test_module_again.py": "import broken\n\ndef test_x(): pass\n",
    "tests/test_worse.py": "import worse\n\ndef test_x(): pass\n",
    "tests/test_worse_again.py": "import worse\n\ndef test_x(): pass\n",
    "tests/test_unit.py": (
        "import unittest\n\nclass T(unittest.TestCase):\n"
        "    def test_u(self):\n        with self.subTest(1):\n"
        "            self.assertEqual(1, 1)\n"
    ),
    "tests/test_out.py": (
        "def test_o(capfd):\n    print('x' * 9)\n    assert capfd.readouterr().out == 'x' * 9 + '\\n'\n"
    ),
    "tests/test_garbage.py": (
        "import gc\n\ndef test_g(base):\n    gc.collect()\n    assert base.__subclasses__() == []\n"
    ),
    "tests/test_end.py": "import atexit, os\n\ndef test_e(): atexit.register(os._exit, 5)\n",
    "tests/test_thread.py": (
        "import os, threading, time\n\ndef ends(): time.sleep(0.3), os._exit(2)\n\n"
        "def test_t(): threading.Thread(target=ends).start()\n"
    ),
    "tests/test_own.py": (
        "import os, sys\n\ndef test_n():\n    assert not any('each_' in path for path in sys.path)\n"
        "    assert not any(name.startswith('each_') for name in os.listdir('tests'))\n"
        "    import conftest\n    assert hasattr(conftest, 'three')\n"
    ),
}


def told(run):
    return run.status, run.exit_code, dict(run.outcomes), dict(run.messages)


@pytest.fixture
async def room(make_repository, tmp_path, host):
    folder = make_repository(REPOSITORY)
    base = git(folder, "rev-parse", "HEAD").decode().strip()
    task = Task("x", "local/x", base, "issue", Environment(python=str(lean_python())), RUNNER)
    return await host.start((await prepare(task, folder, tmp_path / "home")).root)


async def alone(room, path, content, seconds=60):
    async with forked(room) as box:
        await box.write(path, content.encode())
        return await run_tests(box, RUNNER, [path], timeout=seconds)


async def together(room, files, seconds=60, runner=RUNNER):
    async with forked(room) as box:
        return await run_each(box, runner, list(files.items()), timeout=seconds)


async def test_every_file_does_what_it_does_alone(room):
    runs = await together(room, PLAIN)
    assert list(runs) == list(PLAIN)
    for path, content in PLAIN.items():
        assert told(runs[path]) == told(await alone(room, path, content)), path
    assert runs["tests/test_a.py"].outcomes["tests/test_a.py::test_good"] is Outcome.PASSED


LEAVES = """
import os, pathlib, calc

def test_leaves():
    calc.STATE.append(1)
    os.environ["LEFT"] = "1"
    pathlib.Path("left").mkdir()
    pathlib.Path("left/x").write_text("x")
    pathlib.Path.home().joinpath("left").write_text("x")
    pathlib.Path("/tmp/left").write_text("x")
    import _pytest.runner
    _pytest.runner.call_runtest_hook = None
"""
FINDS_NOTHING = """
import os, pathlib, calc

def test_finds_nothing():
    assert not calc.STATE and "LEFT" not in os.environ and sorted(os.listdir("tests")) == {names}
    assert not any(pathlib.Path(p, "left").exists() for p in (".", "/tmp", pathlib.Path.home()))
"""


async def test_a_file_sees_nothing_of_those_before_it(room):
    finds = FINDS_NOTHING.format(names=["conftest.py", "data.txt", "test_z.py"])
    runs = await together(room, {"tests/test_leaves.py": LEAVES, "tests/test_z.py": finds})
    assert runs["tests/test_z.py"].outcomes == {"tests/test_z.py::test_finds_nothing": Outcome.PASSED}


LOADS = """
from importlib.machinery import SourceFileLoader

def test_loads():
    import inner
    once, again = (SourceFileLoader("inner", inner.__file__).get_code("inner") for _ in range(2))
    assert (once is again) == {lent}
"""
CHANGES = """
import pathlib

def test_changes():
    path = pathlib.Path("inner.py")
    path.write_text("VALUE = 2\\n")
    import inner
    assert inner.VALUE == 2
"""


async def test_a_module_is_compiled_once_for_the_files_that_import_it_and_anew_where_it_is_changed(room):
    first, second = LOADS.format(lent=False), LOADS.format(lent=True)
    files = {"tests/test_a.py": first, "tests/test_b.py": second, "tests/test_c.py": CHANGES}
    runs = await together(room, files)
    assert list(runs) == list(files)
    for run in runs.values():
        assert list(run.outcomes.values()) == [Outcome.PASSED], run.messages


async def test_a_module_that_warns_as_it_is_compiled_warns_in_every_file(room):
    files = {f"tests/test_{name}.py": "def test_x():\n    import noisy\n" for name in "abc"}
    runs = await together(room, files, runner="python -m pytest -W error -p no:cacheprovider -o addopts=")
    assert [run.outcomes[f"{path}::test_x"] for path, run in runs.items()] == [Outcome.FAILED] * 3


@pytest.mark.parametrize(
    "act",
    [
        "open('tests/data.txt', 'w').write('dat2\\n')",
        "__import__('os').remove('tests/data.txt')",
        "__import__('os').chmod('tests', 0o700)",
        "__import__('subprocess').Popen(['sleep', '60'], start_new_session=True)",
    ],
)
async def test_behind_traces_that_stay_no_file_is_run(room, act):
    files = {"tests/test_a.py": f"def test_x():\n    {act}\n", "tests/test_b.py": "def test_y(): pass\n"}
    assert list(await together(room, files)) == ["tests/test_a.py"]


STARTED = """
import glob, multiprocessing, os, sys, tempfile

KEPT = {{}}

def {hook}:
    KEPT["found"] = {made}
"""
FINDS = """
import os, sys, conftest

def test_x():
    found = conftest.KEPT["found"]
    {asked}
"""
OPENED = "open('tests/data.txt')", "assert found.readline() == 'data\\n'"
UNLINKED = "tempfile.TemporaryFile()", "found.seek(0), found.write(b'x')\n    assert found.tell() == 1"
SHARED = "multiprocessing.Value('i', 0)", "found.value += 1\n    assert found.value == 1"
OWNER = "os.getpid()", "assert found == os.getpid()"
FILES = "glob.glob('tests/test_*.py')", "assert len(found) == 1"
PIPE = "os.pipe()", "os.close(found[1])\n    assert os.read(found[0], 1) == b''"


@pytest.mark.parametrize(
    "hook",
    ["pytest_configure(config)", "pytest_sessionstart(session)", "pytest_report_header(config)"],
)
@pytest.mark.parametrize(("made", "asked"), [OPENED, UNLINKED, SHARED, OWNER, FILES, PIPE])
async def test_each_file_finds_a_session_of_its_own(room, hook, made, asked):
    async with forked(room) as box:
        await box.write("tests/conftest.py", STARTED.format(hook=hook, made=made).encode())
        files = {f"tests/test_{name}.py": FINDS.format(asked=asked) for name in "ab"}
        runs = await together(box, files, seconds=20)
    assert [[*run.outcomes.values()] for run in runs.values()] == 2 * [[Outcome.PASSED]]


async def test_a_process_that_a_session_begins_with_ends_the_sharing(room):
    begins = STARTED.format(
        hook="pytest_sessionstart(session)", made="__import__('subprocess').Popen(['sleep', '60'])"
    )
    await room.write("tests/conftest.py", begins.encode())
    runs = await together(room, {f"tests/test_{name}.py": "def test_x(): pass\n" for name in "ab"})
    assert list(runs) == ["tests/test_a.py"]


@pytest.mark.parametrize("instead", ["", "os.mkdir(__file__)", "os.symlink('/etc/passwd', __file__)"])
async def test_a_file_that_does_away_with_itself_keeps_none_behind_it_from_running(room, instead):
    files = {
        "tests/test_a.py": f"import os\ndef test_x():\n    os.remove(__file__)\n    {instead}\n",
        "tests/test_b.py": "def test_y(): pass\n",
    }
    runs = await together(room, files)
    assert runs["tests/test_a.py"].outcomes == {"tests/test_a.py::test_x": Outcome.PASSED}
    assert runs["tests/test_b.py"].outcomes == {"tests/test_b.py::test_y": Outcome.PASSED}


async def test_a_file_that_hangs_is_ended_and_the_others_run(room):
    files = {
        "tests/test_a.py": "import time\ndef test_x(): time.sleep(60)\n",
        "tests/test_b.py": "def test_y(): ...\n",
    }
    began = time.monotonic()
    runs = await together(room, files, seconds=6)
    assert time.monotonic() - began < 50
    assert runs["tests/test_a.py"].status is Status.TIMED_OUT
    assert runs["tests/test_a.py"].outcomes == {"tests/test_a.py": Outcome.TIMED_OUT}
    assert "tests/test_b.py" in runs


@pytest.mark.parametrize(
    "act",
    [
        "os.kill(os.getpid(), 9)",
        "os._exit(3)",
        "os.kill(os.getppid(), 9)",
    ],
)
async def test_a_file_that_crashes_is_not_answered_for(room, act):
    files = {
        "tests/test_a.py": f"import os\ndef test_x():\n    {act}\n",
        "tests/test_b.py": "def test_y(): ...\n",
    }
    assert "tests/test_a.py" not in await together(room, files)


def test_nothing_is_believed_of_what_is_told_twice():
    line = b'{"number": %d, "code": 0, "late": false, "seconds": 0.1, "report": null}\n'
    told = line % 0 + b"noise\n" + line % 1 + line % 2 + line % 1 + b'{"number": 3}\n'
    assert [one.number for one in told_lines(told, 2)] == [0]
    assert [one.number for one in told_lines(told, 4)] == [0, 2]


async def test_a_runner_that_ignores_its_environment_is_run_all_the_same(room):
    runs = await together(room, {"tests/test_a.py": "def test_x(): pass\n"}, runner="python -E -m pytest")
    assert runs["tests/test_a.py"].outcomes == {"tests/test_a.py::test_x": Outcome.PASSED}


@pytest.mark.parametrize("runner", ["true", "python -c 'import sys; sys.exit(1)'"])
async def test_a_runner_that_is_no_pytest_answers_for_nothing(room, runner):
    assert await together(room, {"tests/test_a.py": "def test_x(): pass\n"}, runner=runner) == {}


async def test_a_patch_that_ends_the_process_when_imported_answers_for_nothing(room):
    async with forked(room) as box:
        await box.write("calc.py", b"import os\nos._exit(0)\n")
        assert await run_each(box, RUNNER, list(PLAIN.items()), timeout=60) == {}
