"""What `mangabey serve` shows: lines and a live status on a terminal, plain lines elsewhere, or JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Protocol

from agent.serving import Change


class ServingDisplay(Protocol):
    """Hears of each change of a server."""

    def listen(self, change: Change) -> None:
        """Show a change."""


class PlainServing:
    """A line for each change; the endpoint goes to standard output, the rest to standard error."""

    def listen(self, change: Change) -> None:
        """Print a change."""
        if change.state == "ready":
            _print_endpoint(change)
        else:
            print(line_of(change), file=sys.stderr, flush=True)  # noqa: T201


class JsonServing:
    """An object a line on standard output for each change."""

    def listen(self, change: Change) -> None:
        """Print a change."""
        print(json.dumps(asdict(change)), flush=True)  # noqa: T201


class LiveServing:
    """Lines as they happen, and below them the state of every server."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._since: dict[str, tuple[str, float]] = {}
        self._console = Console(stderr=True)
        self._live = Live(
            console=self._console, refresh_per_second=2, transient=True, get_renderable=self._status
        )

    def __enter__(self) -> LiveServing:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

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
        states = (f"{name} {state} {now - since:.0f} s" for name, (state, since) in self._since.items())
        return " · ".join(states)


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


def _print_endpoint(change: Change) -> None:
    print(f"{change.model} is served at {change.url} (after {change.seconds:.0f} s)")  # noqa: T201
    print(f"use it: --model vllm/{change.model}@{change.url}", flush=True)  # noqa: T201
