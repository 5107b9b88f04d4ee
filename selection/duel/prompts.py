"""What the duellist is told, and how its replies are read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.excerpts import cut_middle
from agent.messages import Message
from selection.duel.trials import OUTPUT, Trial
from selection.side_by_side import letters, rendered
from selection.verifiers.prompts import issue_block
from selection.written import SHAPE, UnusableError, Written, blocks, read_test

SYSTEM = f"""\
You decide which of a few patches for an issue of a code repository is right, by writing tests and seeing what
they do. A patch is right if, with it applied, the software does what the issue asks for, in every case that
the issue means and not only in its example, and everything that worked before still works. Hidden tests,
written by the maintainers for this issue, will decide. It may be that several are right, or none.

How it goes:
1. First you write a test. It is run on the untouched repository and with each candidate; you see every
result. 2. Then, in each reply, you either write another test or name your choice. Turns are few.

A test file:
- is new, is run by pytest from the repository's folder, and stands alone. Replies hold it as a whole:

{SHAPE}

- has a few small test functions, each for one case in which the candidates may part or in which the issue
  says what must happen: its own example, and the neighbouring cases that its words imply.
- asserts what the issue asks for and nothing that it leaves open. Where you only want to see what a candidate
  does, print it: the output is shown to you.
- imports what may be missing inside of the test functions.

Your choice is a line of its own that holds nothing else, at the end of your reply:

<choice>A</choice>

How to choose:
- What a test of yours shows counts as far as the test asks for what the issue asks for. Look again at the
  test before you believe it.
- Of candidates that do the same wherever it matters, the simpler one.
"""
FIRST = """\
Tests are run with this command, a test file behind it:

<command>
{runner}
</command>

Write a test now that tells the candidates apart, or shows the issue where they seem alike. Think first,
briefly.
"""
NEXT = """\
{results}

Write another test, or choose one of {names}.{last}
"""
LAST = " This is your last reply: choose."
AGAIN = "That cannot be taken: {reason}.{last}"
NO_CHOICE_YET = "you have not written a test that ran; write one before you choose"
_CHOICE = re.compile(r"^\s*<choice>\s*([^<\n]*?)\s*</choice>\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Choice:
    """The letter that was chosen."""

    letter: str


def opening(texts: Mapping[str, str], number: int, runner: str) -> tuple[Message, ...]:
    """Return the beginning of a duel; instructions and issue are the same for all duels of an issue."""
    body = rendered(texts, number)
    content = "\n\n".join([issue_block(texts["issue"]), body, FIRST.format(runner=runner)])
    return Message(role="system", content=SYSTEM), Message(role="user", content=content)


def results(trials: Sequence[Trial], room: int = OUTPUT) -> str:
    """Return what a test did on the base and with each candidate, in the order they are shown."""
    names = ("untouched repository", *(f"candidate {letter}" for letter in letters(len(trials) - 1)))
    return "\n".join(
        f'<result of="{name}">\n{cut_middle(trial.told(), room)}\n</result>'
        for name, trial in zip(names, trials, strict=True)
    )


def answer(results_: str, names: Sequence[str], *, last: bool) -> Message:
    """Return the next message to the duellist."""
    told = NEXT.format(results=results_, names=", ".join(names), last=LAST if last else "")
    return Message(role="user", content=told)


def refusal(reason: str, *, last: bool) -> Message:
    """Return what is said to a reply that could not be taken."""
    return Message(role="user", content=AGAIN.format(reason=reason, last=LAST if last else ""))


def read_move(text: str, names: Sequence[str], *, may_choose: bool) -> Written | Choice:
    """Return the test or the choice of a reply.

    Raises:
        UnusableError: it holds neither, both, or one that cannot be taken; the message says which.
    """
    chosen = _CHOICE.findall(text)
    if not chosen:
        return read_test(text)
    if blocks(text):
        raise UnusableError("it has a test and a choice; give one of them")
    if not may_choose:
        raise UnusableError(NO_CHOICE_YET)
    letter = chosen[-1].upper()
    if letter not in names or len({one.upper() for one in chosen}) > 1:
        raise UnusableError(f"the choice must be one of {', '.join(names)}, not {', '.join(chosen)!r}")
    return Choice(letter)
