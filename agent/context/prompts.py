"""What the model of the role `context` is asked; all requests of a stage begin alike, as far as they can."""

from __future__ import annotations

from collections.abc import Sequence

from agent.messages import Message

ISSUE = 24_000
"""Characters of the issue that are shown, from both its ends."""

SCAN_SYSTEM = """\
You prepare the work on an issue in a code repository. You get the issue and one file, or one part of a long
file. Decide whether somebody who solves the issue has to see this file: because it probably must be changed,
or because the change cannot be made right without it. Files that only deal with the same subject do not
count. When in doubt, the file counts: a needless file costs little, a missing one costs the solution.

Reply with one JSON object and nothing else:
{"reason": "<one sentence>", "relevant": <true or false>, "summary": "<what matters here for the issue>"}
The summary has three sentences at most, names classes and functions as they are called in the file, and says
what they do; it is empty where the file does not count.
"""

SCAN_SCHEMA = {
    "type": "object",
    "properties": {
        "reason": {"type": "string"},
        "relevant": {"type": "boolean"},
        "summary": {"type": "string"},
    },
    "required": ["reason", "relevant", "summary"],
    "additionalProperties": False,
}

RANK_SYSTEM = """\
You prepare the work on an issue in a code repository. You get the issue and a list of files with their sizes
and what each holds that may matter. Put the files in the order in which somebody who solves the issue should
read them: first those that most probably must be changed, then those whose code the change depends on. Leave
out what is of no use. Of two files that help equally, the smaller one comes first.

Reply with one JSON object and nothing else:
{"files": ["<path of the most important file>", "<path of the next>", ...]}
Write each path exactly as it is listed.
"""

RANK_SCHEMA = {
    "type": "object",
    "properties": {"files": {"type": "array", "items": {"type": "string"}}},
    "required": ["files"],
    "additionalProperties": False,
}


def scan_messages(issue: str, path: str, text: str, part: int = 1, parts: int = 1) -> tuple[Message, ...]:
    """Return the question whether a file, or a part of it, matters; only its end differs between files."""
    which = f' part="{part} of {parts}"' if parts > 1 else ""
    content = f'{_issue(issue)}\n<file path="{path}"{which}>\n{text}\n</file>\n'
    return Message(role="system", content=SCAN_SYSTEM), Message(role="user", content=content)


def rank_messages(issue: str, files: Sequence[tuple[str, int, str]]) -> tuple[Message, ...]:
    """Return the question for an order of files, given as path, tokens and summary."""
    lines = "\n".join(f"{path} ({tokens} tokens): {summary}" for path, tokens, summary in files)
    content = f"{_issue(issue)}\n<files>\n{lines}\n</files>\n"
    return Message(role="system", content=RANK_SYSTEM), Message(role="user", content=content)


def _issue(issue: str) -> str:
    issue = issue.strip("\n")
    if len(issue) > ISSUE:
        half = ISSUE // 2
        issue = f"{issue[:half]}\n[... {len(issue) - ISSUE} characters left out ...]\n{issue[-half:]}"
    return f"<issue>\n{issue}\n</issue>\n"
