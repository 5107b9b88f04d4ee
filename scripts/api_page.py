"""Write docs/api.md: the public names of each package with the first line of their docstrings."""

from __future__ import annotations

import importlib
from pathlib import Path

ROOMS = ("sandbox", "envs", "agent", "agent.models", "selection", "runs")
PAGE = Path(__file__).parent.parent / "docs" / "api.md"


def main() -> None:
    lines = [
        "# Public names",
        "",
        "What each package offers from its top. Everything else may change without notice. Written by",
        "`python scripts/api_page.py`; a test compares it with the packages.",
    ]
    for room in ROOMS:
        module = importlib.import_module(room)
        lines += ["", f"## `{room}`", "", (module.__doc__ or "").strip().splitlines()[0], ""]
        for name in getattr(module, "__all__", []):
            summary = (getattr(module, name).__doc__ or "").strip().splitlines()[0]
            lines.append(f"- `{name}`: {summary}")
    PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
