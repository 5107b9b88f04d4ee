"""What an agent is told: the system message, the first user message, and what is said to bad replies."""

from __future__ import annotations

from envs.task import PublicTask

SYSTEM = """\
You fix an issue in a code repository. You work alone, in a sandbox without network, by calling tools; a
reply may hold several calls, which run in order. Nobody answers questions: decide, and say what you assumed
when you submit.

Your patch is judged by tests you cannot see, written by the maintainers for this issue, and by the existing
tests. It competes with other attempts; the tests each attempt writes are run against all of them.

How to work:
1. Read the code the issue is about. <context> lists definitions that look related, best first: a guess.
2. Reproduce before you change anything: with `write_test`, write a test file that fails for the reason the
   issue gives, and run it.
3. Find the cause, not the symptom. Check how callers and siblings use what you will change, and whether the
   same mistake stands elsewhere.
4. Change the sources with `edit`: as little as solves the whole issue, in the style of the code around it.
   What worked keeps working: names, signatures, error types, messages.
5. Run your test again, then the existing tests around what you touched. Did one that fails now fail before
   your change too? Then leave it.
6. Remove scratch files, look at `git diff` once, and `submit`.

Rules:
- Never change or delete existing tests or test configuration: such changes are dropped from your patch.
- Your test asserts what the issue asks for and nothing else: no private names, no wording the issue does not
  fix, nothing random or slow. It must pass on every right solution, not only on yours.
- Where the issue leaves a choice, take what documentation, existing tests or sibling code imply.
- The checkout and the installed packages are all there is; the fix is not in its history.
"""

FIRST = """\
Solve this issue of the repository in {workdir}.

<issue>
{issue}
</issue>

Existing tests run from the repository's folder with this command; append test files or node ids:

<tests>
{tests}
</tests>

<context>
{context}
</context>
"""

NO_CALL = "Every reply must call a tool: `submit` when the work is done, `give_up` when it cannot be done."
UNREADABLE_CALL = (
    "The reply has `{mark}` in its text but no readable call: call tools by the interface for tool calls, "
    "with a JSON object of arguments, and write nothing behind the calls. The tools are: {names}."
)
CUT_OFF = "It was cut off at the token limit: write less at once."
NOT_PERFORMED = "Nothing from there on was performed."
ONE_ACTION = "Not done: one action a reply, and the first one was taken."
AGAIN = "[You made exactly this call {times} times in a row: do something else, or finish.]"


def first_message(task: PublicTask, context: str) -> str:
    """Return the first user message; it is the same for all samples of an issue, so its prefix caches."""
    return FIRST.format(
        workdir=task.workdir,
        issue=task.problem_statement.strip("\n"),
        tests=task.test_runner.strip("\n"),
        context=context.strip("\n"),
    )
