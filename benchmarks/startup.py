"""Start-up time of the command line beside that of the bare interpreter.

    python -m benchmarks.startup [--runs N] [--json FILE]

Wall milliseconds from start to exit of whole processes, taken in turns so that a busy moment hits all alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine

COMMANDS = {
    "python -c pass": ["-c", "pass"],
    "import typer": ["-c", "import typer"],
    "mangabey --version": ["-m", "mangabey", "--version"],
    "mangabey --help": ["-m", "mangabey", "--help"],
    "mangabey solve --help": ["-m", "mangabey", "solve", "--help"],
    "mangabey models": ["-m", "mangabey", "models"],
    "mangabey tasks list": ["-m", "mangabey", "tasks", "list"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(options.runs):
        for name, words in COMMANDS.items():
            began = time.perf_counter()
            subprocess.run([sys.executable, *words], stdout=subprocess.DEVNULL, check=True)
            taken[name].append((time.perf_counter() - began) * 1000)
    table = Table("command", "median ms", "best ms", "worst ms")
    for name, times in taken.items():
        table.add_row(name, *(f"{value:.0f}" for value in (statistics.median(times), min(times), max(times))))
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "milliseconds": taken}, indent=1) + "\n")


if __name__ == "__main__":
    main()
