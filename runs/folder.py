"""A run's folder on disk: `run.json`, a folder per issue, `preds.jsonl`, `report.json`."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.models.keys import data_without_keys
from envs.task import Task
from runs.failures import UsageError
from runs.found import from_json, to_json
from runs.job import Job


def new_folder(out: Path | None, name: str, command: str = "solve") -> Path:
    """Return the folder of a new run of a command: `out`, or `mangabey-out/NAME-TIME` where none is given.

    Raises:
        UsageError: it already holds a run, or is no folder.
    """
    if out is None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        return Path("mangabey-out") / f"{name}-{stamp}-{os.getpid()}"
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file; --out names a folder")
    if (out / "run.json").exists():
        raise UsageError(f"{out} already holds a run; go on with `mangabey {command} --resume {out}`")
    return out


def write_order(folder: Path, job: Job, task: Task, repository: Path | None) -> None:
    """Write `run.json`: what was asked for, what was found, and with which versions."""
    from mangabey import __version__

    order = job.to_json() | {
        "found": to_json(task, repository) if repository and (job.task is None or job.is_github) else None,
        "version": __version__,
        "python_version": platform.python_version(),
        "platform": platform.platform(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(folder / "run.json", order)
    # a run inside the very checkout it works on must not become part of that checkout's changes
    write_text(folder / ".gitignore", "*\n")


def read_order(folder: Path, home: Path) -> tuple[Job, tuple[Task, Path | None] | None]:
    """Return the job of an existing run, and its task and repository where a checkout or GitHub gave them.

    Either may have changed since; the run goes on from the state it began with.

    Raises:
        UsageError: the folder holds none.
    """
    try:
        data = json.loads((folder / "run.json").read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} holds no run that can be resumed ({error})") from error
    job = Job.from_json(data, home)
    return job, from_json(data["found"]) if data.get("found") else None


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of one.

    It is ASCII: halves of characters, which servers and files can send, have no other form.
    """
    write_text(path, json.dumps(data_without_keys(data), indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, with the folders above it; any text has a form in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".part-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(bytes_of(text))
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        error.filename, error.filename2 = str(path), None  # what the user knows, not the part that is gone
        raise


def bytes_of(text: str) -> bytes:
    """Return UTF-8: bytes that were no text as they were, else every half of a character as three bytes."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
