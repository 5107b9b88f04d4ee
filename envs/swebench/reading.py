"""Rows from files and from the hub."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from envs.brought_parser import PREFIX
from envs.swebench.families import Family
from envs.swebench.hub import is_reachable
from envs.swebench.rows import Row, read_row
from envs.task import TaskError


class Rows(Protocol):
    """Reads the rows of a data set."""

    def read(self) -> tuple[Row, ...]:
        """Return the rows, in the set's order.

        Raises:
            TaskError: they cannot be read, a row is none, or two have the same id.
        """


@dataclass(frozen=True, slots=True)
class RowsFile:
    """The rows of a `.jsonl`, `.json` (a list, or an object by id) or `.parquet` file."""

    path: Path

    def read(self) -> tuple[Row, ...]:
        """Return the rows; see `Rows.read`."""
        readers = {".jsonl": _lines, ".json": _document, ".parquet": _parquet}
        if self.path.suffix not in readers:
            raise TaskError(f"{self.path} is no .jsonl, .json or .parquet file")
        try:
            rows = _checked(readers[self.path.suffix](self.path), str(self.path))
            return tuple(_with_paths(row, self.path.parent) for row in rows)
        except UnicodeDecodeError as error:
            raise TaskError(f"{self.path} is not UTF-8 text") from error
        except OSError as error:
            raise TaskError(f"{self.path} cannot be read: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class HubRows:
    """The rows of a published data set, fetched by `datasets` and kept in its cache."""

    family: Family

    def read(self) -> tuple[Row, ...]:
        """Return the rows; see `Rows.read`."""
        name, split = self.family.dataset, self.family.split
        datasets = _package("datasets")
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of every try
        try:
            with _offline_unless(is_reachable()):
                found = datasets.load_dataset(name, self.family.config or None, split=split)
        except Exception as error:  # the library raises its own, the hub's and the network's errors
            reason = " ".join(str(error).split())[:200]
            raise TaskError(
                f"the data set {name} cannot be had ({type(error).__name__}: {reason}); "
                "without the hub, name a file of its rows instead, such as rows.parquet"
            ) from error
        return _checked(((f"row {at}", dict(row)) for at, row in enumerate(found, 1)), name)


@contextmanager
def _offline_unless(reachable: bool) -> Iterator[None]:
    """Let the libraries look into their cache alone, where they would try for half a minute in vain."""
    modules = [_package("datasets.config"), _package("huggingface_hub.constants")]
    before = [module.HF_HUB_OFFLINE for module in modules]
    for module, offline in zip(modules, before, strict=True):
        module.HF_HUB_OFFLINE = offline or not reachable
    try:
        yield
    finally:
        for module, offline in zip(modules, before, strict=True):
            module.HF_HUB_OFFLINE = offline


def _checked(rows: Iterator[tuple[str, Mapping[str, Any]]], source: str) -> tuple[Row, ...]:
    found: dict[str, Row] = {}
    for where, data in rows:
        if not isinstance(data, Mapping):
            raise TaskError(f"{source}, {where}: no object")
        row = read_row(data, f"{source}, {where}")
        if row.instance_id in found:
            raise TaskError(f"{source}, {where}: the id {row.instance_id} occurs twice")
        found[row.instance_id] = row
    if not found:
        raise TaskError(f"{source} holds no rows")
    return tuple(found.values())


def _with_paths(row: Row, folder: Path) -> Row:
    """Return a row whose parser and assets, where they are files, are named from anywhere."""
    parser = row.log_parser
    if parser.startswith(PREFIX):
        parser = f"{PREFIX}{(folder / parser.removeprefix(PREFIX)).absolute()}"
    assets = tuple(
        (path, source if "://" in source else (folder / (source or path)).absolute().as_uri())
        for path, source in row.image_assets
    )
    return row.model_copy(update={"log_parser": parser, "image_assets": assets})


def _lines(path: Path) -> Iterator[tuple[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield f"line {number}", _parsed(line, f"{path}, line {number}")


def _document(path: Path) -> Iterator[tuple[str, Any]]:
    data = _parsed(path.read_text(encoding="utf-8-sig"), str(path))
    rows = list(data.values()) if isinstance(data, dict) and "instance_id" not in data else data
    if not isinstance(rows, list):
        raise TaskError(f"{path} holds no list of rows")
    yield from ((f"row {number}", row) for number, row in enumerate(rows, 1))


def _parquet(path: Path) -> Iterator[tuple[str, Any]]:
    pyarrow, parquet = _package("pyarrow"), _package("pyarrow.parquet")
    try:
        rows = parquet.read_table(path).to_pylist()
    except pyarrow.ArrowException as error:
        raise TaskError(f"{path} is no parquet file: {' '.join(str(error).split())[:200]}") from error
    yield from ((f"row {number}", row) for number, row in enumerate(rows, 1))


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise TaskError(f"{where}: this is no JSON: {error}") from error


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise TaskError(
            "reading data sets needs the extra packages: pip install 'mangabey[swebench]'"
        ) from error
