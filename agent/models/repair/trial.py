"""The programs that run inside the sandbox: how they get there, how they are called, what they answer."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING

from agent.models.repair.trace import read_ranges

if TYPE_CHECKING:
    from agent.models.repair.edits import Edit

MOST_TEXT = 90_000
"""Characters of edits in one command; Linux takes 128 KiB as one argument."""
FOLDER = "/tmp/repair"  # noqa: S108 (a path inside the sandbox, whose /tmp is its own)
_GUESTS = ("probe.py", "swap.py", "trial.py", "check.py", "tracer.py")
_PYTHON_PYTEST = re.compile(r"(?P<python>\S*python[\d.]*)\s+(?:-\S+\s+)*?-m\s+pytest\b")
_PYTEST = re.compile(r"(?:(?<=\s)|^)(?:\S*/)?(?:py\.test|pytest)(?=\s|$)")
_RESULT = re.compile(r"^((?:\d+(?:-\d+)? )+)= (.*)$")
_TRIED = re.compile(r"^\[tried (\d+) of \d+ edits in ([\d.]+) s after ([\d.]+) s of loading")


def install() -> str:
    """Return the shell text that writes the programs into the sandbox."""
    folder = resources.files("agent.models.repair") / "guest"
    packed = zlib.compress(
        json.dumps({name: (folder / name).read_text("utf-8") for name in _GUESTS}).encode(), 9
    )
    text = base64.b64encode(packed).decode()
    unpack = (
        "import base64,json,os,sys,zlib;"
        f"os.makedirs('{FOLDER}',exist_ok=True);"
        "files=json.loads(zlib.decompress(base64.b64decode(sys.stdin.read())));"
        f"[open('{FOLDER}/'+name,'w',encoding='utf-8').write(files[name]) for name in files];"
        "print('installed',*files)"
    )
    return f"python -c \"{unpack}\" <<'PACKED'\n{text}\nPACKED"


def command(runner: str, program: str, arguments: str) -> str:
    """Return the shell text that runs a program as the test command would run pytest.

    Raises:
        ValueError: the test command does not run pytest.
    """
    call = f"{FOLDER}/{program} {arguments} --"
    if match := _PYTHON_PYTEST.search(runner):
        return f"{runner[: match.start()]}{match['python']} {call}{runner[match.end() :]}"
    if match := _PYTEST.search(runner):
        return f"{runner[: match.start()]}python {call}{runner[match.end() :]}"
    raise ValueError("the test command does not run pytest")


@dataclass(frozen=True, slots=True)
class Trials:
    """What a batch of edits did: results by number, how many were tried, seconds in all."""

    results: dict[int, str] = field(default_factory=dict)
    tried: int = 0
    seconds: float = 0.0
    base: str = ""


def batch(
    runner: str,
    program: str,
    edits: Sequence[tuple[int, Edit]],
    tests: Sequence[str],
    seconds: float,
    **more: object,
) -> str:
    """Return the shell text that tries numbered edits, one after the other, as many as a command holds."""
    job = {"tests": list(tests), "seconds": seconds, "each": 5, **more}
    head = json.dumps(job)[:-1]
    lines: list[str] = []
    for number, edit in edits:
        lines.append(json.dumps({"id": number, "path": edit.path, "cuts": edit.cuts}))
        if sum(map(len, lines)) > MOST_TEXT:
            break
    run = command(runner, program, f"{FOLDER}/job.json")
    listed = ",\n".join(lines)
    return f"cat > {FOLDER}/job.json <<'JOB'\n{head}, \"edits\": [\n{listed}\n]}}\nJOB\n{run}"


def read_trials(text: str) -> Trials:
    """Read what the trial or check program printed; a torn answer gives what is there."""
    results: dict[int, str] = {}
    base, tried, seconds = "", 0, 0.0
    for line in text.splitlines():
        if match := _RESULT.match(line):
            for number in read_ranges(match[1]):
                results[number] = match[2]
        elif match := _TRIED.match(line):
            tried, seconds = int(match[1]), float(match[2]) + float(match[3])
        elif line.startswith("base "):
            base = line.removeprefix("base ")
    return Trials(results, tried, seconds, base)
