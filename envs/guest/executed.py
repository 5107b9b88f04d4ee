"""Tell which functions of the working folder run. Python 3.6 and newer, standard library and pytest only.

Its order stands at the end. As a program it runs small programs, each in a child of its own:

    programs  the source of each
    seconds   of each
    total     of all

As a conftest it lets those tests run alone whose node ids are in `tests`. In both cases it prints a line of
JSON to descriptor 9 for each: `run` (the number of the program, or the node id) and `ran`, the first lines of
the functions that began, by path. What a module does when it is imported before is no part of it.
"""

import ast
import importlib
import json
import os
import signal
import sys
import threading
import time

TOLD = 9
MEMORY = 1 << 30
FUNCTION = 1
"""The flag of code that is a function's, and no module's or class's."""
ROOT = os.path.realpath(os.getcwd())


class Watch:
    """Remembers the code that begins to run while it is entered; it can be entered again."""

    def __init__(self):
        self._codes = {}
        self._tool = None

    def __enter__(self):
        self._tool = _free_tool()
        if self._tool is None:
            self._before = sys.gettrace()
            threading.settrace(self._called)
            sys.settrace(self._called)
            return
        events = sys.monitoring.events
        sys.monitoring.use_tool_id(self._tool, "executed")
        sys.monitoring.register_callback(self._tool, events.PY_START, self._started)
        sys.monitoring.set_events(self._tool, events.PY_START)
        sys.monitoring.restart_events()

    def __exit__(self, *raised):
        if self._tool is None:
            sys.settrace(self._before)
            threading.settrace(None)
            return
        sys.monitoring.set_events(self._tool, 0)
        sys.monitoring.register_callback(self._tool, sys.monitoring.events.PY_START, None)
        sys.monitoring.free_tool_id(self._tool)

    def _called(self, frame, event, argument):
        """Hear of a call; nothing within it is asked for."""
        code = frame.f_code
        self._codes[id(code)] = code

    def _started(self, code, offset):
        """Hear of a call; of the same code nothing more is asked for."""
        self._codes[id(code)] = code
        return sys.monitoring.DISABLE

    def ran(self):
        """Return the first lines of the functions that began, by path below the working folder."""
        found, places = {}, {}
        for code in list(self._codes.values()):
            if code.co_flags & FUNCTION:
                name = code.co_filename
                if name not in places:
                    places[name] = _below(name)
                if places[name]:
                    found.setdefault(places[name], set()).add(code.co_firstlineno)
        return {path: sorted(lines) for path, lines in found.items()}


def _free_tool():
    """Return a number under which this Python tells of calls at little cost, None where it has none."""
    if not hasattr(sys, "monitoring"):
        return None
    return next((number for number in (4, 3, 2, 1) if sys.monitoring.get_tool(number) is None), None)


def _below(name):
    """Return a file's path in the working folder, empty for what is not there or was installed."""
    if name.startswith("<"):
        return ""
    path = os.path.realpath(os.path.join(ROOT, name))
    inside = path.startswith(ROOT + os.sep) and os.sep + "site-packages" + os.sep not in path
    return os.path.relpath(path, ROOT).replace(os.sep, "/") if inside else ""


def tell(run, watch):
    """Print what ran; who reads it may be gone."""
    data = json.dumps({"run": str(run), "ran": watch.ran()}).encode("utf-8", "replace") + b"\n"
    try:
        while data:
            data = data[os.write(TOLD, data) :]
    except OSError:
        pass


def run_program(number, source, seconds):
    """Run one program in a child, which tells what ran when it ends or when its time is up."""
    child = os.fork()
    if child == 0:
        watch = Watch()

        def told(*signalled):
            signal.setitimer(signal.ITIMER_REAL, 0)
            tell(number, watch)
            os._exit(0)

        try:
            os.setsid()
            signal.signal(signal.SIGALRM, told)
            signal.setitimer(signal.ITIMER_REAL, seconds)
            _limit_memory()
            code = compile(source, "<program>", "exec")
            with watch:
                exec(code, {"__name__": "program"})
        except BaseException:  # what it comes to is asked elsewhere
            pass
        finally:
            told()
    until = time.monotonic() + seconds + 1
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > until:
            _end(child)
            os.waitpid(child, 0)
            return
        time.sleep(0.005)
    _end(child)


def _limit_memory():
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, OSError, ValueError):
        pass


def _end(child):
    """End a child, and what it started."""
    for kill in (os.killpg, os.kill):
        try:
            kill(child, signal.SIGKILL)
        except OSError:
            pass


def warm(programs):
    """Import once what programs import, so that it is no part of what they run."""
    names = set()
    for source in programs:
        try:
            nodes = list(ast.walk(ast.parse(source)))
        except (SyntaxError, ValueError, RecursionError):
            continue
        for node in nodes:
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    for name in sorted(names):
        try:
            importlib.import_module(name)
        except BaseException:  # then the program that imports it fails as it would alone
            pass


def run_programs():
    """Run the programs of the order."""
    sys.path.insert(0, os.getcwd())
    until = time.monotonic() + ORDER["total"]
    warm(ORDER["programs"])
    for number, source in enumerate(ORDER["programs"]):
        if time.monotonic() > until:
            break
        run_program(number, source, ORDER["seconds"])


ORDER = None

if __name__ == "__main__":
    run_programs()
else:
    import pytest

    class Tests:
        """Watches tests as they are set up and called."""

        def __init__(self):
            self.watch = Watch()

        @pytest.hookimpl(trylast=True)
        def pytest_collection_modifyitems(self, items):
            items[:] = [one for one in items if one.nodeid in ORDER["tests"]]

        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_protocol(self, item):
            self.watch = Watch()
            yield
            tell(item.nodeid, self.watch)

        @pytest.hookimpl(hookwrapper=True, trylast=True)
        def pytest_runtest_setup(self):
            with self.watch:
                yield

        @pytest.hookimpl(hookwrapper=True, trylast=True)
        def pytest_runtest_call(self):
            with self.watch:
                yield

    def pytest_configure(config):
        """Take part in all folders: the hooks of a conftest itself are for its own."""
        config.pluginmanager.register(Tests())
