"""Patches from anywhere, read into the pool: diffs, SWE-bench predictions, trajectories of other agents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.foreign import TrajectoryFileError, read_trajectory
from selection.origins import told_apart
from selection.records import SUFFIXES, PoolError, ended, is_text, read_records, read_text
from selection.verifiers.digest import Step, steps_of

__all__ = ["PoolError", "RawCandidate", "candidates_in", "read_candidates"]

DIFF_SUFFIXES = (".diff", ".patch")
DIFF_LINES = ("diff --git ", "--- ", "Index: ")
TRAJECTORY_SUFFIXES = (".traj", ".traj.json")
PREDICTION_SUFFIX = ".pred"
PREDICTION_FILES = re.compile(r"(all_)?pred(iction)?s.*\.jsonl?")
"""Files of predictions that are looked for in folders: of SWE-bench, of its agents, and ours."""
_INSTANCE = re.compile(r"[\w.-]+__[\w.-]+-\w+")
_SHOWN = "*.diff, *.patch, *.traj, *.traj.json, *.pred, preds.json, preds.jsonl"


@dataclass(frozen=True, slots=True)
class RawCandidate:
    """A patch as it was found: `instance_id` is empty where the file does not say which task it is for.

    `test_paths` are what its author calls its tests; with `only_tests` it brings these and is no candidate.
    `steps` are what its author did, empty where that is not known.
    """

    origin: str
    diff: str
    instance_id: str = ""
    test_paths: tuple[str, ...] = ()
    exit_reason: str = ""
    only_tests: bool = False
    steps: tuple[Step, ...] = ()


def read_candidates(paths: Sequence[Path]) -> tuple[RawCandidate, ...]:
    """Return the patches of several files and folders, in their order, each with an origin of its own.

    A `.diff` or `.patch` file holds one patch. A `.json` or `.jsonl` file holds predictions as SWE-bench
    takes them: one object a line, a list of objects, or an object of objects by instance id; a `.pred`
    file holds one. A `.traj` or `.traj.json` file is a trajectory of SWE-agent or mini-swe-agent, whose
    submission is the patch and whose steps are kept. A folder holds any of these, at any depth, by their
    usual names; what an agent leaves of one patch, beside its trajectory and above it, is one. A file that
    is named twice is read once.

    Raises:
        PoolError: a file cannot be read or holds none of this, or a folder has no such file.
    """
    return told_apart([found for place in paths for found in candidates_in(place)])


def candidates_in(place: Path) -> list[tuple[Path, RawCandidate]]:
    """Return the patches of a file or folder, each with the file it is from; see `read_candidates`.

    Raises:
        PoolError: see `read_candidates`.
    """
    return _of_folder(place) if place.is_dir() else [(place, one) for one in _read(place)]


def _of_folder(folder: Path) -> list[tuple[Path, RawCandidate]]:
    """Return what lies in a folder: trajectories first, then predictions that are not of one of them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    ran = {path.with_suffix("") for path in files if path.suffix == ".traj"}
    kinds: list[list[Path]] = [
        [path for path in files if path.name.endswith(TRAJECTORY_SUFFIXES)],
        [path for path in files if path.suffix == PREDICTION_SUFFIX],
        [path for path in files if PREDICTION_FILES.fullmatch(path.name)],
        # SWE-agent leaves the patch of `x.traj` as `x.patch`, which does not say what task it is for
        [path for path in files if path.suffix in DIFF_SUFFIXES and path.with_suffix("") not in ran],
    ]
    if not any(kinds):
        raise PoolError(f"the folder {folder} holds no candidates (looked for {_SHOWN})")
    found: list[tuple[Path, RawCandidate]] = []
    for kind in kinds:
        known: dict[tuple[str, str], list[Path]] = {}
        for path, one in found:
            known.setdefault((one.instance_id, one.diff.strip()), []).append(path)
        for path in kind:
            for one in _read(path):
                twins = known.get((one.instance_id, one.diff.strip()), ())
                if not any(twin.is_relative_to(path.parent) for twin in twins):
                    found.append((path, one))
    return found


def _read(path: Path) -> list[RawCandidate]:
    if path.name.endswith(TRAJECTORY_SUFFIXES):
        return [_trajectory(path)]
    if path.suffix in DIFF_SUFFIXES:
        return [_diff(path, read_text(path))]
    if path.suffix not in (*SUFFIXES, PREDICTION_SUFFIX) and path.is_file():
        raise PoolError(f"{path}: candidates are read from folders and from {_SHOWN}")
    found = [
        _prediction(record, path, where, number)
        for number, (where, record) in enumerate(read_records(path), start=1)
    ]
    if not found:
        raise PoolError(f"{path} holds no predictions")
    return found


def _trajectory(path: Path) -> RawCandidate:
    try:
        found = read_trajectory(path)
    except TrajectoryFileError as error:
        raise PoolError(str(error)) from error
    name = path.name.removesuffix(".json").removesuffix(".traj")
    return RawCandidate(
        origin=f"{found.model or 'trajectory'} ({path.name})",
        diff=_patch(found.diff, str(path)),
        instance_id=name if _INSTANCE.fullmatch(name) else "",
        exit_reason=found.exit_reason.value,
        steps=steps_of(found),
    )


def _diff(path: Path, text: str) -> RawCandidate:
    if text.strip() and not any(line.startswith(DIFF_LINES) for line in text.split("\n")):
        raise PoolError(f"{path} is no diff: it has no line 'diff --git' or '---'")
    return RawCandidate(path.name, ended(text))


def _prediction(record: Any, path: Path, where: str, number: int) -> RawCandidate:
    if not isinstance(record, dict):
        raise PoolError(f"{where} is no object")
    if "model_patch" not in record:
        raise PoolError(f"{where} has no 'model_patch'")
    patch, instance = record["model_patch"], record.get("instance_id") or ""
    if not isinstance(patch, str | None) or not isinstance(instance, str):
        raise PoolError(f"{where}: 'model_patch' and 'instance_id' are to be text")
    name = record.get("model_name_or_path") or path.stem
    return RawCandidate(f"{name} ({path.name}:{number})", _patch(patch or "", where), instance)


def _patch(text: str, where: str) -> str:
    if not is_text(text):
        raise PoolError(f"{where}: its patch is no text: half a surrogate pair")
    return ended(text)
