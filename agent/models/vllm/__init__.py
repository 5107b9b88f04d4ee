"""`vllm/NAME`: models served by vLLM."""

from agent.models.vllm.metrics import Metrics, read_metrics
from agent.models.vllm.model import VllmModel

__all__ = ["Metrics", "VllmModel", "read_metrics"]
