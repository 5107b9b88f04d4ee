"""A Docker engine of a test's own, which it may stop and fill as it likes."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest


class OwnEngine:
    """An engine beside the machine's own, without a network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = f"unix://{folder}/sock"
        self.process = None

    def start(self):
        words = ["dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "exec"]
        words += ["--host", self.address, "--pidfile", self.folder / "pid"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*words, "--bridge", "none", "--iptables=false"], stdout=log, stderr=log
            )
        until = time.monotonic() + 60
        while self.docker("info").returncode:
            if self.process.poll() is not None or time.monotonic() > until:
                pytest.skip(f"no second engine can be started: {(self.folder / 'log').read_text()[-300:]}")
            time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)

    def docker(self, *words):
        env = os.environ | {"DOCKER_HOST": self.address}
        return subprocess.run(["docker", *words], env=env, capture_output=True, text=True)
