"""Which of vLLM's parsers understands the tool calls and the reasoning of a model's family."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """Models that speak alike.

    Attributes:
        pattern: found, whatever the case, in the model's name, or in its type and architecture.
        tools: vLLM's tool parser; empty where the models know no tool calls.
        reasoning: vLLM's reasoning parser; empty where the models do not think aloud.
    """

    pattern: str
    tools: str
    reasoning: str = ""

    def fits(self, text: str) -> bool:
        """Return whether a name is of this family."""
        return re.search(self.pattern, text, re.IGNORECASE) is not None


FAMILIES = (
    Family(r"xlam", "xlam"),
    Family(r"deephermes", "hermes", "deepseek_r1"),
    Family(r"hermes", "hermes"),
    Family(r"functiongemma", "functiongemma"),
    Family(r"gemma-?_?4", "gemma4", "gemma4"),
    Family(r"toolace", "pythonic"),
    Family(r"gpt[-_]?oss", "openai", "openai_gptoss"),
    Family(r"qwen3[-_.]?coder|qwen3[-_.]?next.*coder", "qwen3_xml"),
    Family(r"qwen3[-_.]?[5-9]", "qwen3_xml", "qwen3"),
    Family(r"qwen3.*instruct-2507", "hermes"),
    Family(r"deepseek.*r1.*distill", "", "deepseek_r1"),
    Family(r"qwen3", "hermes", "qwen3"),
    Family(r"qwq", "hermes", "deepseek_r1"),
    Family(r"qwen", "hermes"),
    Family(r"deepseek[-_.]?v4[-_.]?1", "deepseek_v41", "deepseek_v41"),
    Family(r"deepseek[-_.]?v4", "deepseek_v4", "deepseek_v4"),
    Family(r"deepseek[-_.]?v3[-_.]?2", "deepseek_v32", "deepseek_v3"),
    Family(r"deepseek[-_.]?v3[-_.]?1", "deepseek_v31", "deepseek_v3"),
    Family(r"deepseek[-_.]?r1", "deepseek_v3", "deepseek_r1"),
    Family(r"deepseek", "deepseek_v3"),
    Family(r"glm[-_.]?4[-_.]?7|glm[-_.]?[5-9]", "glm47", "glm47"),
    Family(r"glm[-_.]?4", "glm45", "glm45"),
    Family(r"kimi[-_.]?k3", "kimi_k3", "kimi_k3"),
    Family(r"kimi", "kimi_k2", "kimi_k2"),
    Family(r"minimax[-_.]?m3", "minimax_m3", "minimax_m3"),
    Family(r"minimax[-_.]?m2", "minimax_m2", "minimax_m2"),
    Family(r"seed[-_.]?oss", "seed_oss", "seed_oss"),
    Family(r"magistral", "mistral", "mistral"),
    Family(r"mistral|mixtral|devstral|codestral|ministral", "mistral"),
    Family(r"granite.*20b.*function", "granite-20b-fc"),
    Family(r"granite[-_.]?4|granitemoehybrid", "granite4"),
    Family(r"granite", "granite"),
    Family(r"llama[-_.]?4", "llama4_pythonic"),
    Family(r"llama[-_.]?3", "llama3_json"),
    Family(r"internlm", "internlm"),
    Family(r"jamba", "jamba"),
    Family(r"hunyuan[-_.]?a13b", "hunyuan_a13b", "hunyuan_a13b"),
    Family(r"command[-_.]?a|cohere", "cohere_command3", "cohere_command3"),
    Family(r"longcat", "longcat"),
    Family(r"ernie[-_.]?4[-_.]?5", "ernie45", "ernie45"),
    Family(r"olmo[-_.]?3", "olmo3", "olmo3"),
    Family(r"gigachat[-_.]?3", "gigachat3"),
    Family(r"apertus", "apertus"),
    Family(r"step[-_.]?3[-_.p]5", "step3p5", "step3p5"),
    Family(r"step[-_.]?3", "step3", "step3"),
    Family(r"phi[-_.]?4[-_.]?mini", "phi4_mini_json"),
    Family(r"mimo", "mimo", "mimo"),
)
"""The first that fits counts; names of parsers are those of vLLM 0.32."""


def family_of(*texts: str) -> Family | None:
    """Return the family of a model, None where it is not known.

    Args:
        texts: the model's name first, then what else tells of it; a name outweighs an architecture, since a
            tuned model speaks its tuners' format on somebody else's architecture.
    """
    for text in texts:
        for family in FAMILIES:
            if family.fits(text):
                return family
    return None
