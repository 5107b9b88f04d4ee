"""From an order to the command line and environment of each `vllm serve`."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass

from agent.serving.errors import OrderError
from agent.serving.families import Family, family_of
from agent.serving.found import NO_GPU, Vllm
from agent.serving.model_folder import ModelFacts
from agent.serving.order import AUTO, NONE, Order

ALWAYS = (
    "--enable-prefix-caching",  # all trajectories of an issue begin alike
    "--enable-prompt-tokens-details",  # usage tells how much of a prompt was cached
    "--scheduling-policy=priority",  # else a request with a priority is refused
    "--disable-uvicorn-access-log",  # health checks would fill the log
)
ON_CPU = (
    "--enforce-eager",  # compiling needs a C++ compiler, and takes minutes
    "--no-enable-chunked-prefill",  # a prompt with a seed that is read in parts brings vLLM 0.32 down
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the replicas of an order are run.

    Attributes:
        flags: what follows `vllm serve MODEL`, but for host and port.
        environments: for each replica, what it has in its environment beside ours.
        remarks: what the user should know of it.
    """

    flags: tuple[str, ...]
    environments: tuple[Mapping[str, str], ...]
    remarks: tuple[str, ...] = ()


def plan(order: Order, facts: ModelFacts, vllm: Vllm, gpus: tuple[str, ...]) -> Plan:
    """Return how an order is run here.

    Raises:
        OrderError: it asks for GPUs, parsers or a length that are not there.
    """
    _check_length(order, facts)
    family = family_of(order.name, order.model, facts.kind)
    tools = _parser(order.tool_parser, family.tools if family else "", "tool", vllm.tool_parsers)
    reasoning = _parser(
        order.reasoning_parser, family.reasoning if family else "", "reasoning", vllm.reasoning_parsers
    )
    flags = [*ALWAYS, f"--served-model-name={order.name}", f"--max-model-len={order.max_model_len or 'auto'}"]
    if tools:
        flags += ["--enable-auto-tool-choice", f"--tool-call-parser={tools}"]
    if reasoning:
        flags += [f"--reasoning-parser={reasoning}"]
    if order.load_format:
        flags += [f"--load-format={order.load_format}"]
    if order.tensor_parallel > 1:
        flags += [f"--tensor-parallel-size={order.tensor_parallel}"]
    if order.gpu_memory is not None and not vllm.on_cpu:
        flags += [f"--gpu-memory-utilization={order.gpu_memory}"]
    if vllm.on_cpu:
        flags += [*ON_CPU]
    environments = _on_cpu(order) if vllm.on_cpu else _on_gpus(order, gpus)
    return Plan((*flags, *order.extra), environments, _remarks(order, facts, family, tools))


def _check_length(order: Order, facts: ModelFacts) -> None:
    longest, wanted = facts.context_length, order.max_model_len
    if longest and wanted and wanted > longest and "VLLM_ALLOW_LONG_MAX_MODEL_LEN" not in os.environ:
        raise OrderError(
            f"--max-model-len {wanted} is more than the model was made for, {longest}; leave it out"
        )


def _parser(wanted: str, of_family: str, kind: str, known: tuple[str, ...]) -> str:
    """Return the name of a parser, empty for none.

    Raises:
        OrderError: this vLLM has no such parser.
    """
    if wanted == NONE:
        return ""
    if wanted == AUTO:
        return of_family if not known or of_family in known else ""
    if known and wanted not in known:
        near = difflib.get_close_matches(wanted, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: auto, none, {', '.join(sorted(known))}"
        raise OrderError(f"vllm has no {kind} parser {wanted!r}; {hint}")
    return wanted


def _on_gpus(order: Order, gpus: tuple[str, ...]) -> tuple[Mapping[str, str], ...]:
    """Give each replica GPUs of its own."""
    if not gpus:
        raise OrderError(NO_GPU)
    share = order.tensor_parallel
    needed = order.replicas * share
    if needed > len(gpus):
        raise OrderError(
            f"{order.replicas} replicas of {share} GPUs need {needed} GPUs and there are {len(gpus)}; "
            "ask for fewer"
        )
    groups = [gpus[place * share : (place + 1) * share] for place in range(order.replicas)]
    return tuple(_common(order) | {"CUDA_VISIBLE_DEVICES": ",".join(group)} for group in groups)


def _on_cpu(order: Order) -> tuple[Mapping[str, str], ...]:
    """Give each replica its share of the cores, and a cache that leaves memory to the rest."""
    if order.tensor_parallel > 1:
        raise OrderError("--tensor-parallel is for GPUs; leave it out with a vllm for the CPU")
    cores = sorted(os.sched_getaffinity(0))
    share = max(1, len(cores) // order.replicas)
    common = _common(order) | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(share))}
    common.setdefault("VLLM_CPU_KVCACHE_SPACE", os.environ.get("VLLM_CPU_KVCACHE_SPACE", "1"))
    return (common,) * order.replicas


def _common(order: Order) -> dict[str, str]:
    offline = {"HF_HUB_OFFLINE": "1"} if order.is_folder else {}
    return {"VLLM_NO_USAGE_STATS": "1", "PYTHONUNBUFFERED": "1", **offline}


def _remarks(order: Order, facts: ModelFacts, family: Family | None, tools: str) -> tuple[str, ...]:
    remarks = []
    if facts.context_length:
        remarks.append(f"the model takes {facts.context_length} tokens of prompt and reply")
    if tools:
        remarks.append(f"tool calls are read by vllm's parser {tools}")
    elif order.tool_parser == AUTO:
        why = "this family's models have none" if family else "the model's family is not known"
        remarks.append(f"no tool parser: {why}; agents use the text dialect, or name one with --tool-parser")
    return tuple(remarks)
