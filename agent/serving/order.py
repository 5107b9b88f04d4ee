"""What is to be served, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

AUTO = "auto"
NONE = "none"


@dataclass(frozen=True, slots=True)
class Pace:
    """How patient the watch over a server is, in seconds.

    Attributes:
        start: the longest time from a start to the first healthy answer.
        check: between two health checks.
        answer: the longest time for the answer of one check.
        misses: checks in a row without a good answer that make a server count as hung.
        delay: before the first restart; doubled for each further one in a row.
        longest_delay: at most between restarts.
        restarts: in a row; a server that falls once more is given up.
        steady: healthy for so long, a server that falls begins a new row.
        figures: between two readings of what the servers do.
    """

    start: float = 900.0
    check: float = 5.0
    answer: float = 20.0
    misses: int = 3
    delay: float = 1.0
    longest_delay: float = 60.0
    restarts: int = 5
    steady: float = 300.0
    figures: float = 5.0


@dataclass(frozen=True, slots=True)
class Order:
    """One model, and the servers of it that are wanted.

    Attributes:
        model: a folder, or a name that vLLM looks up in its cache or on the hub.
        replicas: servers beside each other; with more than one a router stands before them.
        tensor_parallel: GPUs that share one replica.
        host: the address to listen on.
        port: of the endpoint: of the router where there is one, else of the replica.
        max_model_len: tokens of prompt and reply together; None is as many as the model and the memory allow.
        tool_parser: vLLM's name of one, `auto` for that of the model's family, `none` for no tool calls.
        reasoning_parser: likewise.
        load_format: vLLM's; `dummy` draws random weights.
        served_name: what requests call the model; empty for the folder's name, or the model's.
        gpu_memory: share of each GPU's memory, 0 to 1; None is vLLM's own choice.
        python: the Python that has vLLM; None is the one that runs this.
        extra: further flags of `vllm serve`; they come last and win.
        logs: the folder for the log of each process.
        pace: how patient the watch over each server is.
    """

    model: str
    logs: Path
    replicas: int = 1
    tensor_parallel: int = 1
    host: str = "127.0.0.1"
    port: int = 8000
    max_model_len: int | None = None
    tool_parser: str = AUTO
    reasoning_parser: str = AUTO
    load_format: str = ""
    served_name: str = ""
    gpu_memory: float | None = None
    python: Path | None = None
    extra: tuple[str, ...] = ()
    pace: Pace = Pace()

    @property
    def name(self) -> str:
        """What requests call the model."""
        return self.served_name or (Path(self.model).absolute().name if self.is_folder else self.model)

    @property
    def is_folder(self) -> bool:
        """Whether the model is meant as a folder of this machine."""
        return Path(self.model).expanduser().is_dir()
