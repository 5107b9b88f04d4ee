"""Run one pytest file inside this process, fast where it is plain and by pytest itself where it is not.

Runs inside a sandbox: Python 3.8 and newer, standard library and pytest only.
"""

import ast
import importlib
import inspect
import io
import os
import pathlib
import pickle
import re
import select
import signal
import sys
import tempfile
import time
import traceback
import types

TIMEOUT = "0:Timeout: no answer in time"
DIED = "0:Died: the process ended"
PATIENCE = 4
IDLE = [0.0]


def parse_runner_arguments(arguments):
    """Make this process import like `python -m pytest` run from the repository's folder."""
    sys.path[0] = os.getcwd()
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    return [argument for argument in arguments if argument != "--"]


class TestFile:
    """A test file compiled once and run any number of times, each in a process of its own."""

    def __init__(self, path, arguments):
        self.path = path
        self.arguments = arguments
        with open(path, encoding="utf-8") as stream:
            self.source = stream.read()
        self.code = self._compile()

    def _compile(self):
        tree = ast.parse(self.source, self.path)
        if not is_plain(tree):
            return None
        try:
            from _pytest.assertion.rewrite import rewrite_asserts

            rewrite_asserts(tree, self.source.encode(), self.path)
        except (ImportError, TypeError):
            tree = ast.parse(self.source, self.path)
        return compile(tree, self.path, "exec", dont_inherit=True)

    def run(self):
        """Run the tests in order; return None, or the first failure as `line:Type: message`."""
        if self.code is None:
            return run_pytest([*self.arguments, self.path])
        sys.path.insert(0, os.path.dirname(os.path.abspath(self.path)))
        module = types.ModuleType(os.path.splitext(os.path.basename(self.path))[0])
        module.__file__ = os.path.abspath(self.path)
        sys.modules[module.__name__] = module
        try:
            exec(self.code, module.__dict__)
            for name, function in list(module.__dict__.items()):
                if name.startswith("test") and inspect.isfunction(function):
                    function(**fixtures(function))
        except BaseException as error:
            return describe(error, self.path)
        return None


def is_plain(tree):
    """Whether the file only has test functions whose fixtures can be made here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            return False
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test"):
            return False
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            names = {argument.arg for argument in node.args.args + node.args.kwonlyargs}
            if node.decorator_list or not names <= {"tmp_path", "monkeypatch", "capsys"}:
                return False
        if isinstance(node, ast.Attribute) and node.attr in ("fixture", "mark", "importorskip"):
            return False
    return True


def fixtures(function):
    """Return what a plain test function asks for."""
    made = {}
    for name in inspect.signature(function).parameters:
        if name == "tmp_path":
            made[name] = pathlib.Path(tempfile.mkdtemp(prefix="trial-"))
        elif name == "monkeypatch":
            import pytest

            made[name] = pytest.MonkeyPatch()
        elif name == "capsys":
            made[name] = Captured()
    return made


class Captured:
    """What is written to the standard streams from now on, as pytest's `capsys` gives it."""

    def __init__(self):
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()

    def readouterr(self):
        out, err = sys.stdout.getvalue(), sys.stderr.getvalue()
        sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
        return types.SimpleNamespace(out=out, err=err)


def describe(error, path):
    """Return `line:Type: message` of a failure, the line being the last one within the test file."""
    line = 0
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == path:
            line = number
    return "%d:%s: %s" % (line, type(error).__name__, one_line(str(error)))


def one_line(text):
    """Return the start of a message without what differs from run to run."""
    return re.sub(r"0x[0-9a-f]+", "0x", " ".join(text.split()))[:150]


class Recorder:
    """A pytest plugin that keeps each test's outcome and the first failure."""

    def __init__(self):
        self.outcomes = {}
        self.first = None

    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            self._keep(report)

    def pytest_collectreport(self, report):
        if report.outcome == "failed":
            self._keep(report)

    def _keep(self, report):
        failed = report.outcome == "failed"
        if self.outcomes.get(report.nodeid) != "failed":
            self.outcomes[report.nodeid] = report.outcome
        if failed and self.first is None:
            crash = getattr(report.longrepr, "reprcrash", None)
            entries = getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", ())
            line = next((e.reprfileloc.lineno for e in entries if getattr(e, "reprfileloc", None)), 0)
            text = crash.message if crash else str(report.longrepr)
            self.first = "%d:%s" % (line, one_line(text))


def run_pytest(arguments):
    """Run pytest here; return None when something passed and nothing failed, else the first failure."""
    import pytest

    recorder = Recorder()
    code = pytest.main([*arguments, "-x", "-q", "-p", "no:cacheprovider"], plugins=[recorder])
    if recorder.first is None and "passed" in recorder.outcomes.values():
        return None
    return recorder.first or "0:pytest ended with code %d" % code


def warm_up():
    """Import here what pytest imports when it starts, so that forked processes need not."""
    try:
        from _pytest.config import get_config

        get_config()
    except (ImportError, AttributeError, TypeError, ValueError):
        import pytest  # noqa: F401


def busy():
    """Return the processor seconds of this process and its ended children, and what was waited in vain.

    By this clock, work on a busy machine is as long as on a quiet one.
    """
    return sum(os.times()[:4]) + IDLE[0]


def in_child(function, seconds):
    """Run a function in a forked process; return its answer, or TIMEOUT or DIED.

    A child that is still running while the machine gives it no time gets up to `PATIENCE` times the seconds.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setpgid(0, 0)
            os.close(reader)
            mute()
            payload = pickle.dumps(function())
            payload = len(payload).to_bytes(8, "big") + payload
            while payload:
                payload = payload[os.write(writer, payload) :]
        finally:
            os._exit(0)
    os.close(writer)
    try:
        return receive(reader, seconds, child)
    finally:
        os.close(reader)
        for end in (os.killpg, os.kill):
            try:
                end(child, signal.SIGKILL)
            except OSError:
                continue
        os.waitpid(child, 0)


def mute():
    """Send this process's output nowhere; what a trial prints is of no interest."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    sys.stdin, sys.stdout, sys.stderr = (
        io.TextIOWrapper(io.FileIO(number, mode, closefd=False), line_buffering=True)
        for number, mode in ((0, "r"), (1, "w"), (2, "w"))
    )


def receive(reader, seconds, child):
    """Read one pickled answer."""
    end = time.monotonic() + seconds
    last = end + (PATIENCE - 1) * seconds
    data = b""
    while len(data) < 8 or len(data) < 8 + int.from_bytes(data[:8], "big"):
        if not select.select([reader], [], [], max(0.0, end - time.monotonic()))[0]:
            state, used = processor(child)
            if end >= last or state not in ("R", "D") or used >= seconds:
                IDLE[0] += max(0.0, seconds - used)
                return TIMEOUT
            end = min(last, end + seconds / 4)
            continue
        block = os.read(reader, 1 << 16)
        if not block:
            return DIED
        data += block
    return pickle.loads(data[8:])


def processor(child):
    """Return a process's state and the seconds of a processor it has had."""
    try:
        with open("/proc/%d/stat" % child, encoding="utf-8", errors="replace") as stream:
            state, *numbers = stream.read().rpartition(")")[2].split()
    except OSError:
        return "", 0.0
    return state, sum(map(int, numbers[10:12])) / os.sysconf("SC_CLK_TCK")


def inside(path):
    """Whether a file belongs to the repository and not to an environment within it."""
    root = os.getcwd() + os.sep
    return bool(path) and path.startswith(root) and "site-packages" not in path


def is_test(path):
    """Whether a repository file holds tests by its name or folder."""
    parts = path[len(os.getcwd()) :].split(os.sep) if path.startswith(os.getcwd()) else path.split(os.sep)
    name = parts[-1]
    return (
        name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py"
        or bool({"tests", "test"} & set(parts[:-1]))
    )  # fmt: skip


def preload(test, seconds):
    """Import here, in order, everything the test imports; return its result and the repository's modules."""

    def run():
        before = set(sys.modules)
        result = test.run()
        return result, [name for name in sys.modules if name not in before]

    answer = in_child(run, seconds)
    if not isinstance(answer, tuple):
        return answer, []
    result, names = answer
    ours = []
    for name in names:
        try:
            module = importlib.import_module(name)
        except BaseException:
            continue
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and inside(os.path.abspath(path)) and not is_test(os.path.abspath(path)):
            ours.append(name)
    return result, ours
