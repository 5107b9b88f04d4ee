"""Tests from shell sessions: the files shown are made in a temporary folder and the commands run by bash."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from agent.models.repair.notes import is_literal
from agent.models.repair.outputs import lines_of
from agent.models.repair.scene import Draft
from agent.models.repair.shell import Session, is_relative, read_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.models.repair.issue import IssueClues

_IMPORTS = ("import os", "import subprocess", "import sys", "from pathlib import Path")
_BASH = '''
def bash(script, folder):
    """Run a script in a folder, with this Python and what it can import."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
'''.strip()


def console_drafts(clues: IssueClues) -> list[Draft]:
    """Write drafts for every shell session of an issue."""
    drafts: list[Draft] = []
    for snippet in clues.snippets:
        if snippet.kind != "console":
            continue
        files = [
            (one.path, one.text)
            for one in clues.snippets
            if one.path and one.kind in {"data", "script"} and is_relative(one.path)
        ]
        session = read_session(snippet, files)
        if session is None or not (session.tools or any("python" in one.text for one in session.commands)):
            continue
        blocks = [
            one.text
            for one in clues.snippets
            if one.line > snippet.line and one.role == "right" and one.kind in {"output", "data"}
        ]
        for checks, strength, why in _checks(clues, session, blocks, right=snippet.role == "right"):
            drafts.append(Draft(_statements(session, checks, by_module=False), strength, why))
            if session.tools:
                drafts.append(
                    Draft(
                        _statements(session, checks, by_module=True),
                        strength * 0.8,
                        f"{why}; run as a module",
                    )
                )
    return drafts


def _statements(session: Session, checks: Sequence[str], *, by_module: bool) -> tuple[str, ...]:
    """Write files, run the commands, check.

    A tool that is not installed as a command is run as a module.
    """
    made = []
    for path, content in session.files:
        if "/" in path:
            made.append(f"(tmp_path / {path!r}).parent.mkdir(parents=True, exist_ok=True)")
        made.append(f"(tmp_path / {path!r}).write_text({content!r})")
    script = []
    for tool in session.tools:
        module = tool.replace("-", "_")
        as_module = f'{tool}() {{ python -m {module} "$@"; }}'
        script.append(as_module if by_module else f"command -v {tool} > /dev/null || {{ {as_module}; }}")
    script += [command.text for command in session.commands]
    body = "\n".join(f"        {line + chr(10)!r}" for line in "\n".join(script).split("\n"))
    return (*_IMPORTS, _BASH, *made, f"done = bash(\n    (\n{body}\n    ),\n    tmp_path,\n)", *checks)


def _checks(
    clues: IssueClues, session: Session, blocks: Sequence[str], *, right: bool
) -> Iterator[tuple[list[str], float, str]]:
    last = session.commands[-1]
    expected = [one for one in clues.expectations if not one.keep]
    exits = [f"assert done.returncode == {one.text}, done.stderr" for one in expected if one.kind == "exit"][
        :1
    ]
    quiet = ["assert done.returncode == 0, done.stderr"] if not exits and last.code else []
    texts = list(_outputs(clues, session))
    shown = [line for command in session.commands for line in lines_of([command.output])]
    if right and shown:
        yield [f"assert {line!r} in done.stdout" for line in shown], 0.9, "the issue shows the right output"
    if blocks:
        yield (
            [*exits, *(f"assert {line!r} in done.stdout" for line in lines_of(blocks))],
            0.95,
            "the issue shows the right output",
        )
    for check, weight in texts:
        yield [*exits, check], weight, "the prose says what should be printed"
    if exits:
        yield exits, 0.85, "the prose says which exit code is right"
    if quiet:
        yield quiet, 0.45, "the command should succeed"
    if "Traceback" in last.output:
        yield ['assert "Traceback" not in done.stdout + done.stderr'], 0.5, "the command should not crash"
    elif last.output.strip() and not right:
        wrong = lines_of([last.output])[-1:]
        yield (
            [f"assert {line!r} not in done.stdout.splitlines()" for line in wrong],
            0.25,
            "the output shown is wrong",
        )


def _outputs(clues: IssueClues, session: Session) -> Iterator[tuple[str, float]]:
    """Yield assertions on the output from values of the prose."""
    shown = session.commands[-1].output.strip()
    for one in sorted(clues.expectations, key=lambda one: -one.weight):
        if one.kind != "value" or one.keep:
            continue
        text = one.text
        if text == "'\\n'":
            yield 'assert done.stdout == "\\n"', 0.95 * one.weight
            continue
        if is_literal(text) and text[:1] in "'\"":
            text = text[1:-1]
        if text in shown or not text.strip() or any(text in command.text for command in session.commands):
            continue
        tokens = shown.split()
        likeness = [_likeness(text, token) for token in tokens[:100]]
        best = max(likeness, default=0.0)
        if (
            "\n" not in shown
            and re.fullmatch(r"\S+", text)
            and best > 0.4
            and likeness.count(best) == 1
            and len(tokens) > 1
        ):
            tokens[likeness.index(best)] = text
            yield f"assert done.stdout.split() == {tokens!r}", 0.95 * one.weight
        yield f"assert {text!r} in done.stdout", 0.9 * one.weight


def _likeness(text: str, token: str) -> float:
    """Compare two words; the same punctuation counts for half of it."""
    shape = re.sub(r"\w+", "w", text) == re.sub(r"\w+", "w", token)
    return 0.5 * shape + 0.5 * difflib.SequenceMatcher(None, text, token, autojunk=False).ratio()
