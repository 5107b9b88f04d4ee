"""What a vLLM server counts, read from the Prometheus text at its `/metrics`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Self

from agent.messages import Value

_PREFIX = "vllm:"


class Metrics(Value):
    """Counts of one server since it started, all engines together.

    `prefix_queries` are prompt tokens that were looked up in the prefix cache and `prefix_hits` those found
    there; `running` and `waiting` are requests at this moment; `prompt_tokens` and `output_tokens` what was
    read and written.
    """

    prefix_queries: int = 0
    prefix_hits: int = 0
    running: int = 0
    waiting: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0

    @property
    def prefix_share(self) -> float | None:
        """The share of prompt tokens found in the prefix cache; None while none was looked up."""
        return self.prefix_hits / self.prefix_queries if self.prefix_queries else None

    @classmethod
    def total(cls, servers: Iterable[Metrics]) -> Metrics:
        """Return what several servers count together."""
        all_of_them = tuple(servers)
        return cls(**{name: sum(getattr(one, name) for one in all_of_them) for name in cls.model_fields})

    def since(self, before: Self) -> Self:
        """Return what was counted after `before`; requests at this moment stay as they are."""
        counts = ("prefix_queries", "prefix_hits", "prompt_tokens", "output_tokens")
        return self.model_copy(update={name: getattr(self, name) - getattr(before, name) for name in counts})


def read_metrics(text: str) -> Metrics:
    """Return the metrics in a Prometheus text; what it lacks is 0.

    Raises:
        ValueError: it is no such text.
    """
    from prometheus_client.parser import text_string_to_metric_families

    totals: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        if family.name.startswith(_PREFIX):
            for sample in family.samples:
                totals[sample.name.removeprefix(_PREFIX).removesuffix("_total")] += int(sample.value)
    return Metrics(
        prefix_queries=totals["prefix_cache_queries"] or totals["gpu_prefix_cache_queries"],
        prefix_hits=totals["prefix_cache_hits"] or totals["gpu_prefix_cache_hits"],
        running=totals["num_requests_running"],
        waiting=totals["num_requests_waiting"],
        prompt_tokens=totals["prompt_tokens"],
        output_tokens=totals["generation_tokens"],
    )
