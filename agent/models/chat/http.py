"""The HTTP library under the `openai` SDK."""

from __future__ import annotations

import importlib
from typing import Any


def http_library() -> Any:
    """Return the module `httpx`, or `httpx2`, which takes its place from version 3 of the SDK on."""
    import openai

    return importlib.import_module("httpx" if int(openai.__version__.partition(".")[0]) < 3 else "httpx2")
