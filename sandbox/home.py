"""Where Mangabey keeps what can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def default_home() -> Path:
    """Return the folder of caches: `$MANGABEY_HOME`, else the user's cache folder."""
    if home := os.environ.get("MANGABEY_HOME"):
        return Path(home).absolute()
    from platformdirs import user_cache_path

    return user_cache_path("mangabey")
