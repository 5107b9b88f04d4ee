"""`mangabey serve` as a process: what it prints, and that nothing outlives it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from agent.serving.addresses import free_ports
from tests.agent.serving.conftest import bare, cpu_vllm, folder, gpu_vllm, until  # noqa: F401


@pytest.fixture
def command(cpu_vllm, folder, tmp_path):  # noqa: F811
    (port,) = free_ports(1)
    given = ["serve", str(folder), "--port", str(port), "--logs", str(tmp_path / "logs")]
    running = []

    def start(*more: str) -> subprocess.Popen[str]:
        program = subprocess.Popen(
            [sys.executable, "-m", "mangabey", *given, *more],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(program)
        return program

    start.port = port
    yield start
    for program in running:
        program.kill()
        program.communicate()


def ready(program) -> dict:
    for line in program.stdout:
        if (change := json.loads(line))["state"] == "ready":
            return change
    raise AssertionError(program.stderr.read())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(command, cpu_vllm, number):  # noqa: F811
    program = command()
    lines = [program.stdout.readline(), program.stdout.readline()]
    assert f"is served at http://127.0.0.1:{command.port}/v1" in lines[0]
    assert lines[1] == f"use it: --model vllm/tiny-qwen2@http://127.0.0.1:{command.port}/v1\n"
    program.send_signal(number)
    _, err = program.communicate(timeout=30)
    assert program.returncode == 130
    assert "every server is stopped" in err
    assert cpu_vllm.left() == []


def test_a_killed_mangabey_leaves_no_process(command, cpu_vllm):  # noqa: F811
    program = command("--json")
    ready(program)
    assert len(cpu_vllm.left()) == 2
    program.kill()
    until(lambda: not cpu_vllm.left())


def test_json_has_one_object_for_each_change(command):
    program = command("--json")
    seen = []
    for line in program.stdout:
        seen.append(json.loads(line))
        if seen[-1]["state"] == "ready":
            break
    states = [(change["server"], change["state"]) for change in seen if change["server"] != "endpoint"]
    assert states == [("replica 0", "starting"), ("replica 0", "healthy")]
    assert seen[-1]["model"] == "tiny-qwen2"


def test_flags_after_the_dashes_reach_vllm(command, cpu_vllm):  # noqa: F811
    ready(command("--json", "--", "--max-num-seqs", "7"))
    [started] = cpu_vllm.started()
    assert started["argv"][-2:] == ["--max-num-seqs", "7"]


def test_a_crash_at_the_start_is_one_line(command, cpu_vllm):  # noqa: F811
    cpu_vllm.at_next_starts("crash")
    _, err = command().communicate(timeout=30)
    last = err.splitlines()[-1]
    assert last.startswith(
        "mangabey: replica 0 did not start: it ended with exit code 1: ValueError: No avail"
    )
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("more", "told"),
    [(("--replicas", "2"), "pip install vllm-router"), (("--host", "203.0.113.7"), "203.0.113.7")],
)
def test_wrong_use_is_one_line_and_exit_code_2(command, more, told):
    program = command(*more)
    _, err = program.communicate(timeout=30)
    assert program.returncode == 2
    assert err.count("\n") == 1
    assert told in err
