"""docs/backends.md holds: its files are written, its commands run, against a server on this machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.messages import Message, Sampling
from agent.models.errors import ContextOverflowError
from tests.agent.conformance.obedient import answer

pytest.importorskip("httpx")

HOME = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
KEY = "a-right-key"


class LlamaServer(BaseHTTPRequestHandler):
    """Speaks llama.cpp's own vocabulary, and answers as an obedient model does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send(200, {"default_generation_settings": {"n_ctx": 3000}})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers.get("authorization", f"Bearer {KEY}") != f"Bearer {KEY}":
            self._send(401, {"error": {"code": 401, "message": "Invalid API Key"}})
        elif self.path == "/apply-template":
            self._send(200, {"prompt": json.dumps(asked["messages"])})
        else:
            self._complete(asked)

    def _complete(self, asked: dict[str, Any]) -> None:
        sampling = Sampling(
            temperature=asked["temperature"],
            max_tokens=asked["n_predict"],
            seed=asked["seed"],
            stop=tuple(asked["stop"]),
        )
        try:
            reply = answer([Message(**one) for one in json.loads(asked["prompt"])], (), sampling)
        except ContextOverflowError as error:
            told = {"code": 400, "message": str(error), "type": "exceed_context_size_error"}
            return self._send(400, {"error": told})
        return self._send(
            200,
            {
                "content": reply.text,
                "stop_type": "limit" if reply.finish_reason == "length" else "eos",
                "tokens_evaluated": reply.usage.input,
                "tokens_predicted": reply.usage.output,
                "model": "obedient.gguf",
            },
        )

    def _send(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        try:
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def llama():
    with ThreadingHTTPServer(("127.0.0.1", 0), LlamaServer) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def install(project: str, folder: Path) -> None:
    """Leave what an installation of a project's files leaves of its entry points."""
    told = tomllib.loads(project)["project"]
    info = folder / f"{told['name'].replace('-', '_')}-{told['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {told['name']}\nVersion: {told['version']}\n"
    )
    groups = told["entry-points"].items()
    (info / "entry_points.txt").write_text(
        "\n".join(
            f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in points.items()) for group, points in groups
        )
    )


def run(command: str, folder: Path, llama: str) -> str:
    """Run a command of the page and return what it prints."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "mangabey").write_text(f'#!/bin/sh\nexec {sys.executable} -m mangabey "$@"\n')
    (programs / "mangabey").chmod(0o755)
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    # the checkout behind the folder, as after an installation of both
    env = {**os.environ, "PATH": path, "PYTHONPATH": f"{folder}:{HOME}", "LLAMA": llama, "LLAMA_KEY": KEY}
    command = command.replace("PYTHONPATH=. ", "")
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def test_every_block_of_the_page(tmp_path, llama):
    ran: list[tuple[str, str]] = []
    for kind, text in BLOCK.findall((HOME / "docs" / "backends.md").read_text()):
        match kind:
            case "python":
                name = text.partition("\n")[0].removeprefix("# ")
                (tmp_path / name).write_text(text)
            case "toml":
                install(text, tmp_path)
            case "console":
                ran += [(line, run(line.removeprefix("$ "), tmp_path, llama)) for line in text.splitlines()]
            case _:
                pytest.fail(f"nothing runs a block of {kind}")
    assert len(ran) == 6
    whole = next(out for line, out in ran if "llama_backend.py:ProbedLlamaCpp" in line)
    for told in (
        "stop             passed",
        "overflow         passed",
        "wrong-key        passed",
        " 0 failed",
    ):
        assert told in whole
    assert "passed" in next(out for line, out in ran if "pytest" in line)
    assert any("llama " in out and "mangabey-llama" in out for line, out in ran if "models list" in line)
