"""Do the files that a fix changes stand in the context, without any model, and how long does that take?

    python -m benchmarks.context --rows ROWS.jsonl [--counter gpt-4] [--out OUT.jsonl]

ROWS are SWE-bench rows; clones are looked for in MANGABEY_MIRRORS. Recall is the mean over instances of the
share of files of the reference patch among the first so many; `shown` is the share of them in a packed
window, and `edited lines` the share of those all of whose edited lines are to be seen there. `--counter`
names a model whose tokenizer is on this machine; without, tokens are guessed.
"""

from __future__ import annotations

import argparse
import io
import json
import posixpath
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.context import ContextSettings
from agent.context.gathering import show
from agent.context.survey import Survey, survey
from agent.context.tokens import Count, counter_of, guessed
from agent.languages import SOURCES
from agent.sources import unpack
from benchmarks.machine import machine
from envs.git import git
from envs.mirrors import repository_with
from sandbox.home import default_home

PLACES = (5, 10, 20)
WINDOWS = (8_000, 32_000, 128_000)


def sources_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the source files of an instance's base."""
    repository = repository_with(row["repo"], row["base_commit"], default_home())
    names = git(repository, "ls-tree", "-rz", "--name-only", row["base_commit"]).decode().split("\0")
    there = {posixpath.splitext(name)[1] for name in names}
    patterns = [f":(glob)**/{pattern}" for pattern in SOURCES if pattern[1:] in there]
    return unpack(git(repository, "archive", "--format=tar", row["base_commit"], *patterns))


def edited_lines(patch: str) -> dict[str, set[int]]:
    """Return the lines of each existing file that a patch removes or inserts behind."""
    edited: dict[str, set[int]] = {}
    path, line = "", 0
    for text in io.StringIO(patch):
        if text.startswith("--- "):
            path = text[4:].strip().removeprefix("a/")
        elif found := re.match(r"@@ -(\d+)", text):
            line = int(found[1])
        elif text.startswith("+++ ") or not path or path == "/dev/null":
            continue
        elif text.startswith("-"):
            edited.setdefault(path, set()).add(line)
            line += 1
        elif text.startswith("+"):
            edited.setdefault(path, set()).add(max(1, line - 1))
        elif text.startswith(" "):
            line += 1
    return edited


def shown_lines(parts: Sequence[str]) -> dict[str, set[int] | None]:
    """Return the lines of each file that a context of files shows, None for all."""
    shown: dict[str, set[int] | None] = {}
    for part in parts:
        head, _, body = part.partition("\n")
        path = re.findall(r'^<file path="(.*?)"', head)[0]
        pieces = re.findall(r"^\[lines (\d+)-(\d+)\]$", body, re.MULTILINE) if " excerpt=" in head else []
        lines = {n for start, end in pieces for n in range(int(start), int(end) + 1)}
        shown[path] = lines or None
    return shown


def timed(issue: str, sources: Mapping[str, str], home: Path | None) -> tuple[Survey, float]:
    """Survey a repository and say how long that took."""
    began = time.monotonic()
    found = survey(issue, sources, home)
    return found, time.monotonic() - began


def measure(row: Mapping[str, Any], home: Path, count: Count) -> dict[str, Any]:
    """Return what came of one instance."""
    issue, sources = row["problem_statement"], sources_of(row)
    _, first = timed(issue, sources, home)
    found, again = timed(issue, sources, home)
    edited = edited_lines(row["patch"])
    result: dict[str, Any] = {
        "instance": row["instance_id"],
        "repo": row["repo"],
        "files": len(found.files),
        "first": first,
        "again": again,
        "places": {path: found.files.index(path) + 1 for path in edited if path in found.files},
    }
    for place in PLACES:
        result[f"recall {place}"] = len(edited.keys() & set(found.files[:place])) / len(edited)
    for window in WINDOWS:
        began = time.monotonic()
        context = show(found, sources, ContextSettings(kind="files", tokens=window), count)
        shown = shown_lines(context.parts)
        inside = [path for path in edited if path in shown]
        whole = [path for path in inside if (lines := shown[path]) is None or edited[path] <= lines]
        result |= {
            f"shown {window}": len(inside) / len(edited),
            f"lines {window}": len(whole) / len(edited),
            f"packed {window}": time.monotonic() - began,
        }
    return result


def table(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the lines of a table, a row for each repository and one for all."""
    yield (
        "| repository | issues | files | "
        + " | ".join(
            [f"recall at {place}" for place in PLACES]
            + [f"shown in {window // 1000}k (edited lines)" for window in WINDOWS]
            + ["seconds, empty index", "next issue", "same tree"]
        )
        + " |"
    )
    yield "| --- " * (6 + len(PLACES) + len(WINDOWS)) + "|"
    by_repository: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for result in results:
        by_repository[result["repo"]].append(result)
    for name, group in [*sorted(by_repository.items()), ("all", list(results))]:
        cells = [f"{100 * _mean(group, f'recall {place}'):.1f}" for place in PLACES]
        for window in WINDOWS:
            shown, lines = _mean(group, f"shown {window}"), _mean(group, f"lines {window}")
            cells.append(f"{100 * shown:.1f} ({100 * lines:.1f})")
        times = [group[0]["first"], _median(group[1:], "first"), _median(group, "again")]
        cells += [f"{seconds:.2f}" for seconds in times] if name != "all" else ["", "", f"{times[2]:.2f}"]
        yield f"| {name} | {len(group)} | {_median(group, 'files'):.0f} | {' | '.join(cells)} |"


def _mean(group: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(statistics.mean(result[key] for result in group))


def _median(group: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(statistics.median(result[key] for result in group)) if group else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--counter", default="", help="model whose tokenizer counts")
    parser.add_argument("--out", type=Path, help="file for one line of JSON for each instance")
    parser.add_argument(
        "--home", type=Path, help="folder of an index that is kept; without, one begins empty"
    )
    parser.add_argument("--misses", action="store_true", help="name the files behind place 10")
    options = parser.parse_args()
    count = counter_of(options.counter) if options.counter else guessed
    if options.counter and count is guessed:
        parser.error(f"no tokenizer of {options.counter} is on this machine")
    rows = [json.loads(line) for line in options.rows.read_text(encoding="utf-8").splitlines()]
    print(machine())
    results = []
    with tempfile.TemporaryDirectory() as empty:
        for row in rows:
            results.append(measure(row, options.home or Path(empty), count))
            print(f"{row['instance_id']} {results[-1]['places']}", flush=True)
    if options.out:
        options.out.write_text("".join(json.dumps(result) + "\n" for result in results))
    if options.misses:
        for result in results:
            print(result["instance"], {path: n for path, n in result["places"].items() if n > 10})
    print("\n".join(table(results)))
    print(machine())


if __name__ == "__main__":
    main()
