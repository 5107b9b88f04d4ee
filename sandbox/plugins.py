"""Other people's code by name: `module:Class`, `file.py:Class`, and the entry points of packages."""

from __future__ import annotations

import difflib
import functools
import hashlib
import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_NAME = re.compile(r"(?P<place>.+?\.py|[\w.]+):(?P<attribute>\w+)(?P<rest>/.*)?", re.DOTALL)


class MissingNameError(AttributeError):
    """A module has no such name; the message says which is near."""


def offered(group: str) -> Mapping[str, EntryPoint]:
    """Return what installed packages offer in a group of entry points, by name."""
    return _offered(group, tuple(sys.path))


@functools.cache  # every issue of a batch asks, and the answer lies in as many files as there are packages
def _offered(group: str, _path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=group)}


def parted(name: str) -> tuple[str, str, str | None] | None:
    """Return module or file, class, and the argument behind `/`; None for what is no such name."""
    found = _NAME.fullmatch(name)
    if found is None or not found["attribute"].isidentifier():
        return None
    return found["place"], found["attribute"], found["rest"][1:] if found["rest"] else None


def imported(place: str, attribute: str) -> Any:
    """Return a name of a module, or of a file that ends in `.py`.

    Raises:
        MissingNameError: there is no such name in it.
        FileNotFoundError: there is no such file.
        Exception: whatever the module raises while it is imported.
    """
    module = _of_file(Path(place).expanduser()) if place.endswith(".py") else importlib.import_module(place)
    if not hasattr(module, attribute):
        near = difflib.get_close_matches(attribute, dir(module), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise MissingNameError(f"{place} has no {attribute}{hint}")
    return getattr(module, attribute)


def one_line(error: BaseException) -> str:
    """Return an error's class and text as one line; a name that is missing speaks for itself."""
    if isinstance(error, MissingNameError):
        return str(error)
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    path = path.absolute()
    name = f"mangabey_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickles look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
