"""Sources by name: those of the project, of installed packages, of files, and of a user's own code."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from envs.pypi import PypiSuite
from envs.sources.base import Source
from envs.sources.choice import Choice
from envs.swebench.families import FAMILIES
from envs.swebench.source import HubRows, RowsFile, RowSource
from envs.task import Task, TaskError
from sandbox.plugins import imported, offered, one_line

GROUP = "mangabey.sources"
"""Entry points by which an installed package offers sources: a name, and a class or function."""
ROW_FILES = (".jsonl", ".json", ".parquet")


def open_source(name: str, suite: Path | None = None, image: str = "") -> Source:
    """Return a source.

    Args:
        name: `pypi`, a data set of the SWE-bench family (`verified`), a file of rows (`.jsonl`, `.json`,
            `.parquet`), the name of an entry point, `module:Class`, or `file.py:Class`.
        suite: for `pypi`, a manifest of one's own.
        image: for rows, what each runs in instead of what it names; `build` makes it from its pins.

    Raises:
        TaskError: no such source, or it cannot be opened.
    """
    if name == "pypi":
        return PypiSuite(suite)
    if name in FAMILIES:
        return RowSource(name, FAMILIES[name], HubRows(FAMILIES[name]), image)
    if name.endswith(ROW_FILES):
        path = Path(name)
        if not path.is_file():
            raise TaskError(f"there is no file of rows {name}")
        return RowSource(name, FAMILIES["rows"], RowsFile(path), image)
    if ":" in name:
        place, _, attribute = name.rpartition(":")
        return _made(name, lambda: imported(place, attribute))
    if name in (plugins := offered(GROUP)):
        return _made(name, plugins[name].load)
    known = ["pypi", *(one for one in FAMILIES if one != "rows"), *plugins]
    near = difflib.get_close_matches(name, known, 1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    raise TaskError(f"there is no source {name!r}; {hint}`mangabey tasks sources` lists all")


async def find_task(
    spec: str, home: Path, suite: Path | None = None, image: str = ""
) -> tuple[Task, Path | None]:
    """Return a task by its name, and the host's git repository that holds its base commit.

    Args:
        spec: `source/id`, such as `pypi/funcy__2.0-1`, `verified/sympy__sympy-20590` or `rows.jsonl/my-1`.
        home: the cache folder.
        suite: a manifest of one's own instead of the shipped one.
        image: see `open_source`.

    Raises:
        TaskError: there is no such source or task, or it cannot be fetched.
    """
    source, instance_id = parted(spec)
    return await open_source(source, suite, image).load(instance_id, home)


def describe_task(spec: str, suite: Path | None = None) -> Mapping[str, str]:
    """Return what may be shown of a task without fetching it: nothing of its fix or its tests.

    Raises:
        TaskError: there is no such task.
    """
    source, instance_id = parted(spec)
    return {"task": spec, **open_source(source, suite).describe(instance_id)}


def chosen_tasks(
    name: str, choice: Choice, suite: Path | None = None, image: str = ""
) -> tuple[Source, list[str]]:
    """Return a source and the ids chosen of it; `name` may end in `/ID` or `/GLOB`, which is chosen first.

    Raises:
        TaskError: there is no such source or instance.
    """
    if (head := source_name(name)) != name:
        tail = name.removeprefix(f"{head}/")
        name, choice = head, replace(choice, instances=(tail, *choice.instances))
    source = open_source(name, suite, image)
    return source, choice.of(source.ids())


def is_source(name: str) -> bool:
    """Whether a name is a source's, as far as that can be told without opening it."""
    named = name in {"pypi", *FAMILIES} or name in offered(GROUP)
    return named or name.endswith(ROW_FILES) or ":" in name.rpartition("/")[2]


def parted(spec: str) -> tuple[str, str]:
    """Part a task's name into its source and its id.

    Raises:
        TaskError: it names no source.
    """
    source, slash, instance_id = spec.rpartition("/")
    if slash and instance_id and is_source(source):
        return source, instance_id
    if slash:
        open_source(source)
    near = difflib.get_close_matches(f"pypi/{spec}", [f"pypi/{one}" for one in PypiSuite().ids()], 1, 0.8)
    if near:
        raise TaskError(f"there is no task {spec}; did you mean {near[0]}? `mangabey tasks list` lists all")
    raise TaskError(f"{spec!r} names no task; write SOURCE/ID, such as pypi/ID or verified/ID")


def source_name(name: str) -> str:
    """Return the source's part of what `chosen_tasks` takes."""
    head, slash, _ = name.rpartition("/")
    return head if slash and not Path(name).is_file() and (is_source(head) or not is_source(name)) else name


def known_sources() -> Mapping[str, str]:
    """Return the sources that have a name, each with what it is; those of installed packages last."""
    known = {"pypi": "bugs between two releases of a package; needs nothing but pip"}
    known |= {name: one.description for name, one in FAMILIES.items() if name != "rows"}
    return known | {name: point.value for name, point in offered(GROUP).items()}


def _made(name: str, load: Callable[[], Any]) -> Source:
    try:
        source = load()()
    except TaskError:
        raise
    except Exception as error:
        raise TaskError(f"the source {name} cannot be opened: {one_line(error)}") from error
    if not isinstance(source, Source):
        raise TaskError(f"{name} gives a {type(source).__name__}, which lacks one of: ids, describe, load")
    return source
