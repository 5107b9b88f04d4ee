"""What the machine tells the model; what all trajectories of an issue share comes first and never differs."""

from __future__ import annotations

from agent.kinds.test_and_edit.blocks import SHAPE
from agent.kinds.test_and_edit.record import OwnTest
from envs.task import PublicTask

_ONE_CALL = """\
You work alone, in a sandbox without network, by calling tools. Each reply makes exactly one call; a second
one is not performed. Nobody answers questions: decide. You cannot run commands: tests are run for you."""

TEST_SYSTEM = f"""\
You show an issue of a code repository by a test. Fixing it comes after that, in a phase of its own, in which
you see your test, its output and all you looked at.

{_ONE_CALL}

How to work:
1. `look` at what the issue is about: the code, and one existing test file for its style. <context> lists what
   may be related, best first: a guess. Ask for many places in one call; turns are few.
2. `write_test`: one new file. It is run on the untouched repository and you see what it did.
3. Does it fail for the reason the issue gives, or by a mistake of its own? Correct it, or call `done`.
Where no test can show the issue here, say why with `no_test`.

Your test:
- holds a few test functions: the issue's own example, and the cases that its words imply. One that passes
  already is welcome where it guards what must stay as it is.
- asserts what the issue asks for and nothing else: no private names, no wording the issue does not fix,
  nothing random or slow. It must pass on every right solution; it will be run on other attempts' patches.
- imports and calls what may be missing inside of the test functions, so that they fail and do not break.
"""

EDIT_SYSTEM = f"""\
You fix an issue of a code repository. A test that shows it was written before where one could be.

{_ONE_CALL}

Your patch is judged by tests you cannot see, written by the maintainers for this issue, and by the existing
tests. It competes with other attempts; the tests each attempt writes are run against all of them.

How to work:
1. Find the cause, not the symptom. `look` where you have not seen the code that you change; look also for
   callers, siblings, and other places with the same mistake. Ask for many places in one call; turns are few.
2. `edit`: as little as solves the whole issue, in the style of the code around it. What worked keeps working:
   names, signatures, error types, messages.
3. Read what the tests did. Correct the patch with a further `edit`. Only where your test asks for what the
   issue does not, correct the test with `write_test`.
4. `done`, once the patch solves the whole issue.

`changes` of `edit` is one or more blocks of this form, each below its file's path:

{SHAPE}

- SEARCH holds whole lines that occur exactly once in the file, character for character, without line numbers.
- Blocks apply in order, all or none. Several may change the same file.
- An empty SEARCH creates a file; an empty REPLACE deletes the lines. Whole files are deleted or renamed by
  `files`.
- Where the text holds lines of `=======` or the like, give the three marks of that block more signs.

Changes of existing tests, of their support files and of test configuration are refused: they would be
dropped. Where the issue leaves a choice, take what documentation, existing tests or sibling code imply.
"""

ISSUE = """\
This is an issue of the repository in {workdir}:

<issue>
{issue}
</issue>

Tests run from the repository's folder with this command, a test file behind it:

<tests>
{tests}
</tests>

<context>
{context}
</context>
"""

LOOKED = """
What you looked at before, in the untouched repository:

<looked>
{looked}
</looked>
"""

TESTED = """
Your test, {path}:

<test>
{content}
</test>

What it does on the untouched repository:

<base>
{said}
</base>
"""

UNTESTED = """
There is no test: {reason} You may still write one.
"""

TEST_REMINDER = (
    "Every reply must call a tool: `look`, `write_test`, `done` once your test fails for the issue's reason, "
    "or `no_test`."
)
EDIT_REMINDER = "Every reply must call a tool: `look`, `edit`, `write_test`, `done`, or `give_up`."
READ_IT = (
    "Is that the reason the issue gives? Then call `done`. If it is a mistake of the test, or the test "
    "misses a part of the issue, write it again."
)
SENT_BACK = "Sent back and not kept: {problem}"
NO_TEST_YET = (
    "Refused: there is no test that fails on the untouched repository yet. Write one with `write_test`, or "
    "say with `no_test` why none can be written."
)
NO_TURNS = "the turns for it were used up."
NOTHING_CHANGED = (
    "Refused this once: your patch is empty, nothing of the repository is changed but your test. `edit` the "
    "sources; if nothing is to be changed, call `done` again, or `give_up`."
)
TOO_LONG = "The test has {size} characters, more than {limit}: write a shorter one."
UNFENCED = "The Markdown fence around the file was taken off."


def shared(task: PublicTask, context: str) -> str:
    """Return what the first user message of both phases begins with, the same for all samples of an issue."""
    return ISSUE.format(
        workdir=task.workdir,
        issue=task.problem_statement.strip("\n"),
        tests=task.test_runner.strip("\n"),
        context=context.strip("\n"),
    )


def edit_opening(task: PublicTask, context: str, looked: str, test: OwnTest | None, reason: str) -> str:
    """Return the first user message of the edit phase.

    Args:
        task: the issue.
        context: lines for `<context>`.
        looked: what the test phase looked at.
        test: the test that shows the issue.
        reason: why there is none.
    """
    parts = [shared(task, context)]
    if looked:
        parts.append(LOOKED.format(looked=looked))
    if test is None:
        parts.append(UNTESTED.format(reason=_sentence(reason)))
    else:
        parts.append(TESTED.format(path=test.path, content=test.content.rstrip(), said=test.said))
    return "".join(parts)


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith((".", "!", "?")) else f"{text}."
