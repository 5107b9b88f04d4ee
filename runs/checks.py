"""What a machine needs to run Mangabey, examined one by one."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

EXTRAS: Mapping[str, tuple[str, str]] = {
    "litellm": ("litellm", "hosted models"),
    "openai": ("openai", "models on servers of your own"),
    "swebench": ("swebench", "official SWE-bench grading"),
    "query": ("duckdb", "SQL over journals"),
    "ray": ("ray", "many machines"),
    "web": ("fastapi", "viewing runs in a browser"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One examined thing; `missing` means that nothing can be solved without it."""

    subject: str
    state: Literal["ok", "optional", "missing"]
    detail: str

    def to_json(self) -> dict[str, Any]:
        """Return the finding for `--json`."""
        return asdict(self)


async def examine() -> list[Finding]:
    """Examine everything; each check stands alone and none raises."""
    findings = [_python(), *_programs(), _space()]
    findings += await _sandboxes()
    findings += await _serving()
    findings += [_extra(name, module, what) for name, (module, what) in EXTRAS.items()]
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "python", "ok" if sys.version_info >= (3, 11) else "missing", f"{version} at {sys.executable}"
    )


def _programs() -> list[Finding]:
    findings = []
    for program in ("git", "patch"):
        path = shutil.which(program)
        findings.append(
            Finding(program, "ok" if path else "missing", path or f"not on PATH; install {program}")
        )
    return findings


def _space() -> Finding:
    from sandbox.home import default_home

    home = default_home()
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(there).free >> 20
    return Finding("cache folder", "ok" if free > 1024 else "missing", f"{home}, {free} MiB free")


async def _sandboxes() -> list[Finding]:

    from sandbox.base import SandboxError

    findings: list[Finding] = []
    for name in ("daemonless", "docker"):
        try:
            async with asyncio.timeout(30):
                detail = (
                    await _try_sandbox(name) if name == "daemonless" else await asyncio.to_thread(_docker)
                )
            findings.append(Finding(f"sandbox {name}", "ok", detail))
        except (SandboxError, OSError) as error:
            findings.append(Finding(f"sandbox {name}", "optional", str(error) or "did not answer in 30 s"))
        except ImportError as error:
            findings.append(Finding(f"sandbox {name}", "optional", f"{error.name} is not installed"))
    if all(finding.state == "optional" for finding in findings):
        findings.append(Finding("sandbox", "missing", "none works; see the two lines above"))
    return findings


async def _try_sandbox(name: str) -> str:
    from sandbox.base import Root
    from sandbox.hosts import open_host

    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as git:
        tree, git_dir = Path(folder), Path(git)
        host = open_host(name)
        try:
            box = await host.start(Root(tree=tree, git_dir=git_dir, base_commit=""))
            result = await box.exec("true", timeout=10)
        finally:
            await host.close()
    return f"works, a command took {result.seconds * 1000:.1f} ms"


def _docker() -> str:
    from sandbox.docker.vessel import connect

    client = connect(timeout=10)
    try:
        return f"engine {client.version()['Version']}"
    finally:
        client.close()


async def _serving() -> list[Finding]:
    """Look for what `mangabey serve` needs."""
    from agent.serving import OrderError
    from agent.serving.found import NO_GPU, find_gpus, find_vllm

    gpus = await find_gpus()
    findings = [Finding("GPUs", "ok" if gpus else "optional", ", ".join(gpus) or NO_GPU)]
    try:
        vllm = await find_vllm(None)
    except OrderError as error:
        return [*findings, Finding("extra vllm", "optional", str(error))]
    kind = "for the CPU" if vllm.on_cpu else "for GPUs"
    router = vllm.router or "not installed; several replicas need it: pip install vllm-router"
    return [
        *findings,
        Finding("extra vllm", "ok", f"{vllm.version}, {kind}"),
        Finding("vllm-router", "ok" if vllm.router else "optional", router),
    ]


def _extra(name: str, module: str, what: str) -> Finding:
    if importlib.util.find_spec(module):
        return Finding(f"extra {name}", "ok", what)
    return Finding(f"extra {name}", "optional", f'{what}; pip install "mangabey[{name}]"')
