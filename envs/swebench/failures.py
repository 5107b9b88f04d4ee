"""Which fault of the environment the `swebench` package sees in a log; for reports, never for a verdict."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

AMBIGUOUS = "ambiguous"
"""The tier of failures that may also be the patch's; all others are the environment's."""


def failure_in(log: str) -> tuple[str, str]:
    """Return the reason and its tier; both empty where there is none, or the package is not installed."""
    found = _classify()(log)
    return (str(found[0]), str(found[1])) if found else ("", "")


@functools.cache
def _classify() -> Callable[[str], Any]:
    """Return the package's function, of its file alone: the package as a whole takes 1.2 s to load."""
    package = importlib.util.find_spec("swebench")
    for folder in (package.submodule_search_locations if package else None) or ():
        path = Path(folder) / "harness" / "infra_failure.py"
        spec = importlib.util.spec_from_file_location("mangabey_infra_failure", path)
        if path.is_file() and spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module.classify_text  # type: ignore[no-any-return]
    return lambda _: None
