"""What `mangabey serve` shows: lines and a live status on a terminal, plain lines elsewhere, or JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Protocol

from agent.models.vllm.metrics import Metrics
from agent.serving import Change

SELDOM = 60.0
"""Seconds between two lines of figures where they cannot stay in one place."""


class ServingDisplay(Protocol):
    """Hears of each change of a server, and of what the servers do."""

    def listen(self, change: Change) -> None:
        """Show a change."""

    def measure(self, metrics: Metrics) -> None:
        """Show what all replicas together do."""


class Seldom:
    """Says when figures are worth a line: new ones, once a minute."""

    def __init__(self, seconds: float = SELDOM) -> None:
        self._seconds = seconds
        self._shown = Metrics()
        self._next = 0.0

    def __call__(self, metrics: Metrics) -> bool:
        """Return whether to show these figures now."""
        if metrics == self._shown or time.monotonic() < self._next:
            return False
        self._shown, self._next = metrics, time.monotonic() + self._seconds
        return True


class PlainServing:
    """A line for each change; the endpoint goes to standard output, the rest to standard error."""

    def __init__(self, worth: Callable[[Metrics], bool] | None = None) -> None:
        self._worth = worth or Seldom()

    def measure(self, metrics: Metrics) -> None:
        """Print what the servers do, seldom."""
        if self._worth(metrics):
            print(figures_of(metrics), file=sys.stderr, flush=True)  # noqa: T201

    def listen(self, change: Change) -> None:
        """Print a change."""
        if change.state == "ready":
            _print_endpoint(change)
        else:
            print(line_of(change), file=sys.stderr, flush=True)  # noqa: T201


class JsonServing:
    """An object a line on standard output for each change, and seldom one with figures."""

    def __init__(self, worth: Callable[[Metrics], bool] | None = None) -> None:
        self._worth = worth or Seldom()

    def measure(self, metrics: Metrics) -> None:
        """Print what the servers do, seldom."""
        if self._worth(metrics):
            told = {"server": "endpoint", "state": "figures", "prefix_share": metrics.prefix_share}
            print(json.dumps(told | metrics.model_dump()), flush=True)  # noqa: T201

    def listen(self, change: Change) -> None:
        """Print a change."""
        print(json.dumps(asdict(change)), flush=True)  # noqa: T201


class LiveServing:
    """Lines as they happen, and below them the state of every server and what they do."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._since: dict[str, tuple[str, float]] = {}
        self._figures = ""
        self._console = Console(stderr=True)
        self._live = Live(
            console=self._console, refresh_per_second=2, transient=True, get_renderable=self._status
        )

    def __enter__(self) -> LiveServing:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def measure(self, metrics: Metrics) -> None:
        """Remember what the servers do."""
        self._figures = figures_of(metrics)

    def listen(self, change: Change) -> None:
        """Print a change and remember the server's state."""
        if change.server != "endpoint":
            self._since[change.server] = (change.state, time.monotonic())
        if change.state == "ready":
            _print_endpoint(change)
        else:
            self._console.print(line_of(change), markup=False, highlight=False, soft_wrap=True)

    def _status(self) -> str:
        now = time.monotonic()
        states = [f"{name} {state} {now - since:.0f} s" for name, (state, since) in self._since.items()]
        return " · ".join([*states, self._figures] if self._figures else states)


@contextmanager
def serving_display(*, as_json: bool) -> Iterator[ServingDisplay]:
    """Open the display that fits where the output goes."""
    if as_json:
        yield JsonServing()
    elif sys.stderr.isatty():
        with LiveServing() as display:
            yield display
    else:
        yield PlainServing()


def line_of(change: Change) -> str:
    """Return one line for a change."""
    if change.server == "endpoint":
        return change.detail or change.state
    seconds = f" after {change.seconds:.0f} s" if change.state == "healthy" else ""
    detail = f": {change.detail}" if change.detail else ""
    log = f" (log {change.log})" if change.state == "starting" else ""
    return f"{change.server} {change.state}{seconds}{detail}{log}"


def figures_of(metrics: Metrics) -> str:
    """Return in words what the servers do, and how much of what they read was in the prefix cache."""
    queue = f"{metrics.running} running, {metrics.waiting} waiting"
    if metrics.prefix_share is None:
        return queue
    return f"{queue} · {metrics.prefix_share:.0%} of {metrics.prefix_queries:,} prompt tokens from the cache"


def _print_endpoint(change: Change) -> None:
    print(f"{change.model} is served at {change.url} (after {change.seconds:.0f} s)")  # noqa: T201
    print(f"use it: --model vllm/{change.model}@{change.url}", flush=True)  # noqa: T201
