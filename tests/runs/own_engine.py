"""A Docker engine of a test's own, which it may stop and fill as it likes."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

_ALONE = 'ip link set lo up && exec dockerd "$@"'
_REGISTRY = "127.0.0.1:5000"


class OwnEngine:
    """An engine beside the machine's own, in a network of its own: else it would take the other's bridge."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/sock"
        (folder / "daemon.json").write_text(json.dumps({"bridge": "none", "iptables": False}))

    def start(self) -> None:
        """Start it, with whatever it held before."""
        words = ["--config-file", self.folder / "daemon.json", "--data-root", self.folder / "data"]
        words += ["--exec-root", self.folder / "exec", "--pidfile", self.folder / "pid"]
        words += ["--host", self.address]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "sh", "-c", _ALONE, "dockerd", *words],
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + 60
        while self.docker("info").returncode:
            if self.process.poll() is not None or time.monotonic() > until:
                pytest.skip(f"no second engine can be started: {(self.folder / 'log').read_text()[-300:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it, and its containers."""
        self.process.terminate()
        self.process.wait(timeout=60)

    def docker(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Ask it something."""
        env = os.environ | {"DOCKER_HOST": self.address}
        return subprocess.run(["docker", *words], env=env, capture_output=True, text=True)

    def serve_registry(self) -> tuple[str, subprocess.Popen[bytes]]:
        """Start a registry that this engine alone reaches; return its address and its process."""
        (self.folder / "registry.yml").write_text(
            f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {self.folder}/registry\n"
            f"http:\n  addr: {_REGISTRY}\n"
        )
        inside = ["nsenter", f"--net=/proc/{self.process.pid}/ns/net"]
        with (self.folder / "registry.log").open("wb") as log:
            process = subprocess.Popen(
                [*inside, "docker-registry", "serve", str(self.folder / "registry.yml")],
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + 20
        while "listening on" not in (self.folder / "registry.log").read_text():
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail((self.folder / "registry.log").read_text()[-300:])
            time.sleep(0.05)
        return _REGISTRY, process
