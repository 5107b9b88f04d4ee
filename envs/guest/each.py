"""A conftest that runs several test files, each in a fork of a pytest that has started once.

Where pytest alone has a part in it, the session has begun as well: that is half of the work for a small file.

Runs inside a sandbox: Python 3.6 and newer, standard library and pytest only. Its order stands at the end:

    files    [path, text in base64] of each test file; all lie in one folder, and the first is in its place
    seconds  that one file may take
    most     bytes of the largest report

For each file it prints a line of JSON to descriptor 9: `number`, `code` (exit code, minus the signal),
`late` (its time was up), `seconds`, `report` (the JUnit file, compressed and in base64; null where there
is none). It stops behind a file whose traces it cannot remove, or that leaves processes behind: those
after it are not run.
"""

import atexit
import base64
import faulthandler  # noqa: F401 (a session imports these two as it begins)
import functools
import gc
import json
import mmap
import os
import pdb  # noqa: F401
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
import zlib
from importlib.machinery import SourceFileLoader

import pytest
from _pytest.junitxml import bin_xml_escape

RESULTS = 9
PAUSE = 0.002
LARGEST_MODULE = 1 << 20
BEGINNING = (
    "pytest_configure",
    "pytest_plugin_registered",
    "pytest_sessionstart",
    "pytest_report_header",
    "pytest_collection",
)
"""Hooks that are called until a session collects."""
FOLDER = os.path.dirname(os.path.abspath(__file__))


ROOTS = sorted({os.getcwd(), "/tmp", "/var/tmp", "/dev/shm", os.path.expanduser("~")})
"""Folders that must be as they were after each file."""


class Compiled:
    """The code of modules that earlier files imported: without it every fork would compile them anew.

    In forks it stands in the place of `source_to_code`, as a descriptor, so that an error in a module that
    is not known has no frame of this program in its traceback. Forks name what they compile in memory that
    is shared; it is compiled again here, where none of it is run: what a fork names costs time at most.
    """

    def __init__(self):
        self._codes = {}
        self._compile = SourceFileLoader.source_to_code
        self._named = mmap.mmap(-1, 1 << 18)

    def lend(self):
        """Use what is known, in a fork."""
        SourceFileLoader.source_to_code = self

    def learn(self):
        """Compile what the last fork named, unless it says something as it is compiled."""
        names = set(self._named[:].split(b"\0")) - {b""}
        self._named[:] = bytes(len(self._named))
        self._named.seek(0)
        for path in map(os.fsdecode, names):
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                try:
                    source = _source(path)
                    code = compile(source, path, "exec", dont_inherit=True)
                except Exception:  # then the fork that imports it fails as it would alone
                    continue
            if not told:
                self._codes[path] = source, code

    def __get__(self, loader, owner=None):
        path = getattr(loader, "path", None)
        if path in self._codes:
            return functools.partial(self._known, loader)
        try:
            self._named.write(os.fsencode(path) + b"\0")
        except (TypeError, ValueError):
            pass
        return self._compile if loader is None else functools.partial(self._compile, loader)

    def _known(self, loader, data, path, **how):
        source, code = self._codes.get(path, (None, None))
        return code if data == source and not how else self._compile(loader, data, path, **how)


class EachFile:
    """Takes over from pytest, which has loaded its configuration and knows nothing of any file yet."""

    def __init__(self, config):
        self.config = config
        self.compiled = Compiled()
        self._hide()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self):
        """Run the files in forks of a session that has begun."""
        self.run()

    def run(self):
        """Run the files, each in a fork, and end; only forks return from here."""
        if self._run():
            os._exit(0)

    def _run(self):
        """Run the files; return True in the parent, False in a fork."""
        if threading.active_count() > 1:
            return True
        os.unlink(ORDER["files"][0][0])
        bin_xml_escape("")  # compiles an expression, which takes milliseconds, where no fork has to
        gc.collect()
        if hasattr(gc, "freeze"):
            gc.freeze()  # sessions collect garbage several times, which would touch and copy all of this
        before, processes = _seen(), _processes()
        for number, (path, text) in enumerate(ORDER["files"]):
            if not self._run_file(number, path, base64.b64decode(text)):
                return False
            if _processes() - processes or not _tidied(before):
                break
            self.compiled.learn()
        return True

    def _hide(self):
        """Leave nothing of this module for tests to find: neither folder, nor path, nor name."""
        sys.path[:] = [path for path in sys.path if os.path.abspath(path) != FOLDER]
        shutil.rmtree(FOLDER)
        others = [
            one
            for one in self.config.pluginmanager.get_plugins()
            if getattr(one, "__name__", "") == "conftest"
        ]
        files = {os.path.abspath(one.__file__): one for one in others if getattr(one, "__file__", None)}
        files.pop(os.path.join(FOLDER, "conftest.py"), None)
        sys.modules.pop("conftest", None)
        if files:  # the one that would have been imported last
            sys.modules["conftest"] = files[max(files, key=lambda path: (path.count("/"), path))]

    def _run_file(self, number, path, data):
        """Run one file in a fork; return False in the fork."""
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        report = os.path.join(tempfile.mkdtemp(), "report.xml")
        sys.stdout.flush()
        sys.stderr.flush()
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            self._become_session(path, report)
            return False
        code, late = _wait(pid, began + ORDER["seconds"])
        line = {"number": number, "code": code, "late": late, "seconds": time.monotonic() - began}
        line["report"] = _packed(report)
        _print(json.dumps(line).encode() + b"\n")
        _drop(path, os.path.dirname(report))
        return True

    def _become_session(self, path, report):
        os.setsid()
        os.close(RESULTS)
        self.compiled.lend()
        self.config.args[:] = [path]
        self.config.option.xmlpath = report
        for plugin in self.config.pluginmanager.get_plugins():
            if type(plugin).__name__ == "LogXML":
                plugin.logfile = report


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_cmdline_main(config):
    """Run every file in a fork, which goes on with the session and ends by `_leave`."""
    each = EachFile(config)
    if _begins_alone(config):
        config.pluginmanager.register(each)
    else:
        each.run()
    session = yield
    if session.excinfo is None:
        _leave(config, session.get_result())


def _begins_alone(config):
    """Whether a session begins without code of the repository or a plugin.

    What such code opens or stores as a session begins would be shared by the forks, or be another's.
    """
    callers = [getattr(config.hook, name) for name in BEGINNING]
    try:
        found = [one.function.__module__ for caller in callers for one in caller.get_hookimpls()]
    except AttributeError:  # of an old pytest
        return False
    return all(name.startswith("_pytest.") for name in found)


def _leave(config, code):
    """End as the interpreter would, but leave all modules as they are: to clear them touches all memory."""
    config._ensure_unconfigure()
    for step in (threading._shutdown, atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):
        try:
            step()
        except BaseException:  # the interpreter would tell of it, and go on as well
            pass
    os._exit(int(code))


def _print(data):
    while data:
        data = data[os.write(RESULTS, data) :]


def _wait(pid, deadline):
    """Return the exit code of a child, minus the signal that ended it, and whether its time was up."""
    pause = 0.001
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status), False
        if time.monotonic() > deadline:
            _end(pid)
            os.waitpid(pid, 0)
            return -9, True
        time.sleep(pause)
        pause = min(2 * pause, PAUSE)


def _end(pid):
    for kill in (os.killpg, os.kill):
        try:
            kill(pid, signal.SIGKILL)
        except OSError:
            pass


def _source(path):
    """Return a module as its loader reads it; one so large that no person wrote it is not worth it."""
    if not os.path.isfile(path) or os.path.getsize(path) > LARGEST_MODULE:
        raise OSError(path)
    with open(path, "rb") as file:
        return file.read()


def _packed(report):
    try:
        with open(report, "rb") as file:
            data = zlib.compress(file.read(ORDER["most"] + 1))
    except OSError:
        return None
    return base64.b64encode(data).decode() if len(data) <= ORDER["most"] else None


def _processes():
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/{}/stat".format(name)) as file:
                    if file.read().rpartition(")")[2].split()[0] != "Z":
                        found.add(name)
            except OSError:
                pass
    return found


def _drop(path, folder):
    """Remove a test file and its report's folder, as far as the test left them what they were."""
    for remove, what in ((os.unlink, path), (shutil.rmtree, folder)):
        try:
            remove(what)
        except (OSError, RecursionError):
            pass


def _tidied(before):
    """Remove what is new and return whether all is as it was."""
    try:
        now = _seen()
        if now == before:
            return True
        for path in sorted(now.keys() - before.keys()):
            if os.path.dirname(path) in before:
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                else:
                    os.unlink(path)
        return _seen() == before
    except (OSError, RecursionError):
        return False


def _seen():
    """Return what tells a change of each path; the times of folders tell none."""
    found = {}
    waiting = [root for root in ROOTS if os.path.isdir(root)]
    found.update(dict.fromkeys(waiting))
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                facts = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    found[entry.path] = (facts.st_mode, facts.st_uid)
                    waiting.append(entry.path)
                else:
                    found[entry.path] = (facts.st_mode, facts.st_uid, facts.st_size, facts.st_ctime_ns)
    return found


ORDER = None
