"""What machine the figures were taken on, and how busy it was."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime


def machine() -> dict[str, str | int | float]:
    """Return date, cores, memory, kernel, Python and the load at this moment."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }
