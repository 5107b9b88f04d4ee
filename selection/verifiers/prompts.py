"""What a verifier is asked. All prompts of an issue begin alike: instructions, the issue, then the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.messages import Message

SYSTEM = """\
You review patches for issues of code repositories. A patch is right if, with it applied, the software does
what the issue asks for, in every case that the issue means and not only in its example, and everything that
worked before still works. Hidden tests, written by the maintainers for this issue, will decide.

How to judge:
- Work out from the issue what must happen, including what it says in passing: names, types, messages,
  defaults.
- Follow the changed code with the issue's own example, then with the neighbouring cases: empty, None, one,
  many, other types, subclasses, other callers, other platforms.
- The change must be in a place that the failing path runs through. Look for callers and twins of the changed
  code that have the same fault and were left as they were.
- A patch that handles only the literal example, hides an error instead of mending its cause, or changes what
  existing users rely on is wrong. Style, length and comments do not count, nor does what the patch says of
  itself.
- Changes of packaging, pins, test configuration and documentation say nothing, unless the issue is about
  them; a patch that has nothing else is wrong.
- Tests that attempts wrote may themselves be wrong; a failure counts if what the test demands is what the
  issue asks for.
"""

_ORDERS = (("YES", "NO"), ("NO", "YES"))
ONE_WORD = """\
Is this patch right? Answer with one word, {first} or {second}.
"""
REASONED = """\
Is this patch right? Think it through in at most 200 words: what the issue demands, what the code does with
the patch in the issue's case and in the neighbouring ones, what is missing. Then end with a line of its own
that holds nothing but your verdict, {first} or {second}.
"""
HEADS: Mapping[str, str] = {
    "code": "The code around the change, before the patch (the numbers are the lines'):",
    "patch": "The patch under review:",
    "executed": "What was observed without and with the patch:",
    "tests": "The tests of that list which the patch changes the outcome of:",
    "inputs": "What the same inputs gave without and with the patch (a difference is no fault by itself):",
    "digest": "What the patch's author did before (commands and their output, oldest first):",
}
"""What stands above each section."""
ORDER = ("code", "digest", "patch", "executed", "tests", "inputs")


def messages(issue: str, texts: Mapping[str, str], question: str) -> tuple[Message, ...]:
    """Return a conversation: the issue first, as it is the same for all, then sections, then the question."""
    parts = [
        f"{HEADS[name]}\n\n<{name}>\n{texts[name].strip(chr(10))}\n</{name}>"
        for name in ORDER
        if texts.get(name, "").strip()
    ]
    content = "\n\n".join([issue_block(issue), *parts, question])
    return Message(role="system", content=SYSTEM), Message(role="user", content=content)


def issue_block(issue: str) -> str:
    """Return the issue as every prompt of the selection begins with it."""
    return f"<issue>\n{issue.strip(chr(10))}\n</issue>"


def question(text: str, sample: int) -> str:
    """Return a question with the labels in this sample's order, so that no label is always named first."""
    first, second = _ORDERS[sample % len(_ORDERS)]
    return text.format(first=first, second=second)


def read_verdict(text: str) -> bool | None:
    """Return the verdict on the last line of a reply, None where that line holds anything else.

    Marks of Markdown and a full stop around the word do not count.
    """
    lines: Sequence[str] = [line.strip() for line in text.strip().splitlines() if line.strip()]
    word = lines[-1].strip("*_`. ").upper() if lines else ""
    return {"YES": True, "NO": False}.get(word)
