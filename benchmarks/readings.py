"""What a reader says of published predictions, added to evidence that was made before.

    python -m benchmarks.readings --rows ROWS.jsonl --evidence FOLDER --labels labels.json --out OUT
        --model MODEL [--view patch] [--tokens 32000] [--only PART]

Every program of every issue is read by itself, as `selection.views` does; nothing is run. Labels only leave
out the candidates that no selector would meet, and issues whose candidates are all right or all wrong. OUT
gets the evidence with its verdicts, and replies in a journal, so a run that was interrupted goes on. With
`manual/DIR` all requests are there at once; see docs/backends.md.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from agent.context.asking import Asker
from agent.models.base import Model
from agent.models.calling import open_model
from benchmarks.swebench_rows import write_rows
from envs.sources import open_source
from envs.sources.base import Source
from runs.base_tree import BaseTree
from runs.journal import Journal
from runs.replies import JournalReplies
from sandbox.base import Root, SandboxFileError
from selection.evidence_file import read_evidence, write_evidence
from selection.lab import read_labels, with_labels
from selection.lab.labelled import Labelled
from selection.reading import Readers, Surroundings, read
from selection.settings import SelectionSettings


class Tree:
    """The base commit's files as readers look at them: no sandbox is needed for that."""

    def __init__(self, files: BaseTree) -> None:
        self._files = files

    async def read(self, path: str) -> bytes:
        """Return a file's content.

        Raises:
            SandboxFileError: there is none.
        """
        if path not in self._files:
            raise SandboxFileError(path)
        return await asyncio.to_thread(self._files.__getitem__, path)


async def make(source: Source, issue: Labelled, model: Model, options: argparse.Namespace) -> None:
    """Write an issue's evidence with what the reader says of each program."""
    name = issue.evidence.task
    task, repository = await source.load(name, options.home)
    assert repository is not None
    files = await asyncio.to_thread(BaseTree, Root(repository, repository, task.base_commit))
    settings = SelectionSettings(views=(options.view,), tokens=options.tokens)
    with Journal(options.out / "replies" / name) as journal:
        asker = Asker(model, JournalReplies(journal, "selection"), name, at_once=options.at_once)
        # a reader of patches looks at files of the base and runs nothing
        given = Surroundings(base=Tree(files))  # type: ignore[arg-type]
        found = await read(issue.evidence, Readers(verify=asker), settings, given)
    write_evidence(options.out / f"{name}.jsonl.gz", [found.evidence])
    scored = sum(one.score is not None for one in found.evidence.verdicts)
    trouble = f"; {found.trouble[0]}" if found.trouble else ""
    print(f"{name}: {scored} of {len(found.evidence.candidates)} candidates scored{trouble}", flush=True)


async def run(options: argparse.Namespace) -> None:
    """Read what is missing, all issues side by side."""
    options.out.mkdir(parents=True, exist_ok=True)
    source = open_source(str(write_rows(options.rows, options.out / "rows.jsonl")))
    evidence = [one for path in sorted(options.evidence.glob("*.jsonl.gz")) for one in read_evidence(path)]
    model = open_model(options.model)
    async with asyncio.TaskGroup() as group:
        for issue in with_labels(evidence, read_labels(options.labels)):
            name = issue.evidence.task
            if issue.mixed and options.only in name and not (options.out / f"{name}.jsonl.gz").exists():
                group.create_task(make(source, issue, model, options))


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--evidence", type=Path, required=True, help="folder of evidence")
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--view", choices=("patch", "evidence"), default="patch")
    parser.add_argument("--tokens", type=int, default=32_000, help="of one prompt at most")
    parser.add_argument("--only", default="", help="part of an instance's id")
    parser.add_argument("--at-once", type=int, default=64, help="questions of one issue at one time")
    parser.add_argument("--home", type=Path, default=Path(".mangabey"))
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
