from __future__ import annotations

import atexit
import functools
import gzip
import hashlib
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from envs.git import git
from envs.pypi import PypiSuite
from envs.task import Environment
from tests.interpreter import lean_python

BACKEND = """
def prepare_metadata_for_build_wheel(directory, settings=None):
    import pathlib
    folder = pathlib.Path(directory, "tiny-0.dist-info")
    folder.mkdir()
    folder.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\\nName: tiny\\nVersion: {VERSION}\\n")
    return folder.name

def build_sdist(directory, settings=None):
    raise NotImplementedError

def build_wheel(directory, settings=None, metadata=None):
    raise NotImplementedError
"""

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "%s"
[project.scripts]
tiny-half = "tiny:main"
"""

LOAD = """
import asyncio
from pathlib import Path
from envs.pypi import PypiSuite
asyncio.run(PypiSuite(Path("suite.jsonl")).load("tiny__1.0-1", Path("home")))
"""
RUNNER = 'PYTHONPATH="$PWD" python -m pytest -p no:cacheprovider -o addopts='
BUGGY = 'def half(n):\n    """Return n / 2."""\n    return n // 2\n\n\ndef main():\n    print(half(5))\n'
OLD_TESTS = "import tiny\n\n\ndef test_even():\n    assert tiny.half(4) == 2\n"
NEW_TESTS = (
    "import subprocess\nimport tiny\nimport pytest\n\n\ndef test_even():\n    assert tiny.half(4) == 2\n\n\n"
    '@pytest.mark.parametrize("n", [pytest.param(5, id="a b [c::d]")])\ndef test_odd(n):\n'
    '    assert tiny.half(n) == 2.5\n\n\ndef test_script():\n    subprocess.run(["tiny-half"], check=True)\n'
)


def sdist(folder: Path, version: str, files: dict[str, str]) -> str:
    """Write a source archive of `tiny` and return its SHA-256."""
    files = files | {
        "pyproject.toml": PYPROJECT % version,
        "backend.py": f"VERSION = {version!r}\n{BACKEND}",
        "PKG-INFO": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
    }
    path = folder / f"tiny-{version}.tar.gz"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"tiny-{version}/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    path.write_bytes(gzip.compress(packed.getvalue(), mtime=0))  # the same archive in every test
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_suite(folder: Path) -> Path:
    """Write a suite of one task, whose two releases lie in the folder `index` beside it."""
    index = folder / "index"
    index.mkdir()
    buggy = sdist(index, "1.0", {"tiny.py": BUGGY, "tests/test_tiny.py": OLD_TESTS})
    fixed = sdist(index, "1.1", {"tiny.py": BUGGY.replace("//", "/"), "tests/test_tiny.py": NEW_TESTS})
    row = {
        "id": "tiny__1.0-1",
        "package": "tiny",
        "buggy_version": "1.0",
        "fixed_version": "1.1",
        "tier": 1,
        "problem_statement": "half(5) is 2\n\nIt should be 2.5.\n",
        "root": "tiny-1.0",
        "fixed_root": "tiny-1.1",
        "sdist_sha256": {"buggy": buggy, "fixed": fixed},
        "gold_hunks": [{"file": "tiny.py", "old_line_range": [3, 4], "new_line_range": [3, 4]}],
        "test_hunks": [
            {"file": "tests/test_tiny.py", "old_line_range": [1, 6], "new_line_range": [1, 17]},
        ],
        "test_files": ["tests/test_tiny.py"],
        "test_command": f"{RUNNER} tests/test_tiny.py",
        "FAIL_TO_PASS": ["tests/test_tiny.py::test_odd[a b [c::d]]"],
        "PASS_TO_PASS": {"tests/test_tiny.py": ["test_even", "test_script"]},
        "extra_requirements": [],
        "python": "",
    }
    path = folder / "suite.jsonl"
    path.write_text(json.dumps(row) + "\n")
    return path


def with_task(folder: Path) -> None:
    """Put the suite's task into `home` beside it: made once, as pip takes seconds for its two releases."""
    shutil.copytree(_made_home() / "tasks", folder / "home" / "tasks", symlinks=True)


@functools.cache
def _made_home() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="mangabey-tiny-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_suite(folder)
    subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=folder,
        env=os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "index"},
        check=True,
    )
    return folder / "home"


@pytest.fixture
def manifest(tmp_path, monkeypatch) -> Path:
    """A suite of one task, whose two releases pip finds in a folder; there is no index."""
    path = write_suite(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return path


@pytest.fixture
async def task(manifest, tmp_path):
    """The suite's task and its repository; its tests run in an environment that has pytest alone."""
    with_task(tmp_path)
    task, repository = await PypiSuite(manifest).load("tiny__1.0-1", tmp_path / "home")
    return replace(task, environment=Environment(python=str(lean_python()))), repository


@pytest.fixture
async def host():
    from sandbox.hosts import open_host

    host = open_host("daemonless")
    yield host
    await host.close()


@pytest.fixture
def make_repository(tmp_path):
    """Return a function that commits files to a new repository."""

    def make(files: dict[str, str | bytes], name: str = "project") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        git(folder, "init", "--quiet")
        return commit(folder, files)

    return make


def commit(folder: Path, files: dict[str, str | bytes], message: str = "change") -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
    return folder


@pytest.fixture(name="commit")
def commit_function():
    return commit


@dataclass
class Api:
    """An HTTP server that answers each path with what is set for it, the last one again and again.

    An answer is a status, headers and a body; the body is made JSON unless it is bytes. None resets the
    connection.
    """

    address: str = ""
    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def set(self, path: str, *answers: Any) -> None:
        self.answers[path] = list(answers)

    def issue(self, number: int = 7, repo: str = "o/r", **fields: Any) -> None:
        url = f"https://github.com/{repo}/issues/{number}"
        answer = {"title": "It fails", "body": "Badly.", "html_url": url, "user": {"login": "ann"}} | fields
        self.set(f"/repos/{repo}/issues/{number}", (200, {}, answer))

    def next_answer(self, path: str, token: str | None) -> Any:
        self.asked.append((path, token))
        waiting = self.answers.get(path) or [(404, {}, {"message": "Not Found"})]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve in a thread; yield the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(name="serving")
def serving_function():
    return serving


@pytest.fixture
def make_api():
    """Return a function that opens an HTTP server with set answers."""
    with ExitStack() as stack:

        def make() -> Api:
            api = Api()

            class Handler(BaseHTTPRequestHandler):
                def do_GET(self):
                    answer = api.next_answer(self.path, self.headers["Authorization"])
                    if answer is None:
                        self.connection.setsockopt(
                            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                        )
                        self.connection.close()
                        self.wfile = io.BytesIO()
                        return
                    status, headers, body = answer
                    data = body if isinstance(body, bytes) else json.dumps(body).encode()
                    self.send_response(status)
                    for name, value in ({"Content-Length": str(len(data))} | headers).items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(data)

                def log_message(self, *arguments):
                    pass

            api.address = stack.enter_context(serving(Handler))
            return api

        yield make


@pytest.fixture
def api(make_api, monkeypatch) -> Api:
    """The REST API that MANGABEY_GITHUB_API names; there is no token, and no proxy before it."""
    api = make_api()
    for name in ("GITHUB_TOKEN", "MANGABEY_GITHUB", "MANGABEY_MIRRORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MANGABEY_GITHUB_API", api.address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return api
