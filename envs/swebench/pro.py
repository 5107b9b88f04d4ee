"""How an instance of SWE-bench Pro is run and read, which is in its repository and not in its rows.

A checkout holds for each instance a script that runs test files, a parser of what it prints, and Dockerfiles
whose `ENV` lines count. Its harness (`swe_bench_pro_eval.py`) is followed but for one line: the official
tests come by the test patch, not out of a commit that is newer than the base, which no sandbox of ours holds.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from envs.cache import content_key
from envs.swebench.rows import Row
from envs.task import TaskError

CHECKOUT = "MANGABEY_SWEBENCH_PRO"
"""Environment variable with the folder of a checkout."""
MISSING = (
    "SWE-bench Pro keeps run scripts and parsers in its repository: "
    f"git clone https://github.com/scaleapi/SWE-bench_Pro-os, and name the folder in {CHECKOUT}"
)
"""What a user without a checkout has to do."""
_SCRIPT = "/tmp/run_script.sh"  # noqa: S108 (inside the sandbox, where /tmp is private)
_TESTS_OF_A_COMMIT = re.compile(r"git checkout [0-9a-f]{7,64} -- .+")


@dataclass(frozen=True, slots=True)
class ProScripts:
    """An instance's test command, whose last line runs the tests, and the text of its parser."""

    command: str
    parser: str


def is_pro(row: Row) -> bool:
    """Whether a row is of this data set and brings no command of its own."""
    return bool(row.selected_tests) and not row.test_command


def pro_scripts(row: Row) -> ProScripts | None:
    """Return what the checkout holds for a row; None where none is named.

    Raises:
        TaskError: it does not hold the instance.
    """
    named = os.environ.get(CHECKOUT, "")
    if not named:
        return None
    folder, name = Path(named), row.instance_id
    dockerfiles = (
        folder / "dockerfiles" / f"{kind}_dockerfile" / name / "Dockerfile" for kind in ("base", "instance")
    )
    run = _text(folder / "run_scripts" / name / "run_script.sh")
    exports = [line for file in dockerfiles for line in _exports(_text(file))]
    end = f"END_{content_key(run)}"
    lines = [
        *exports,
        *_before(row),
        f"cat > {_SCRIPT} <<'{end}'\n{run.rstrip()}\n{end}",
        f"bash {_SCRIPT} {shlex.quote(','.join(row.selected_tests))}",
    ]
    return ProScripts("\n".join(lines), _text(folder / "run_scripts" / name / "parser.py"))


def _exports(dockerfile: str) -> list[str]:
    """Return a Dockerfile's variables as shell lines; as in the harness, continued lines are not joined."""
    lines = (line.strip() for line in dockerfile.splitlines())
    return [line.replace("ENV", "export", 1) for line in lines if line.startswith("ENV")]


def _before(row: Row) -> list[str]:
    """Return the last of a row's commands that prepare, of which the harness runs no other."""
    last = (row.before_tests.strip().splitlines() or [""])[-1].strip()
    by_patch = bool(row.test_patch) and _TESTS_OF_A_COMMIT.fullmatch(last)
    return [] if by_patch or not last else [last]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise TaskError(f"{path} cannot be read: {reason}; does {CHECKOUT} name a checkout?") from error
