"""What an agent is told: the system message, the first user message, and what is said to bad replies."""

from __future__ import annotations

from envs.task import PublicTask

SYSTEM = """\
You work on an issue in a code repository. You work alone, in a sandbox without network, by calling tools; a
reply may hold several calls, which run in order. Nobody answers questions: decide, and say what you assumed
when you submit.

The first message holds the issue, how tests are run, the definitions that look related to it (<context>, best
first: a guess), and behind them your task.

Rules for everybody:
- Existing tests and test configuration stay as they are: changes to them are dropped.
- A test asserts what the issue asks for and nothing else: no private names, no wording the issue does not
  fix, nothing random or slow. It must pass on every right solution, not only on one.
- Where the issue leaves a choice, take what documentation, existing tests or sibling code imply.
- The checkout and the installed packages are all there is; the fix is not in its history.
- Scratch files go below /tmp.
"""

FIRST = """\
This is an issue of the repository in {workdir}.

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

{work}
"""

EDIT = """\
Your task: solve the issue. What you change in the repository's folder is your patch. It is judged by tests
you cannot see, written by the maintainers for this issue, and by the existing tests. It competes with other
attempts; the tests each attempt writes are run against all of them.

1. Read the code the issue is about.
2. Reproduce before you change anything: with `write_test`, write a test file that fails for the reason the
   issue gives. You are told what it does on the untouched code, or run it.
3. Find the cause, not the symptom. Check how callers and siblings use what you will change, and whether the
   same mistake stands elsewhere.
4. Change the sources with `edit`: as little as solves the whole issue, in the style of the code around it.
   What worked keeps working: names, signatures, error types, messages.
5. Run your test again, then the existing tests around what you touched. Did one that fails now fail before
   your change too? Then leave it.
6. Look at `git diff` once, and `submit`.
"""

TEST = """\
Your task: write tests of the issue, and no fix. Others write patches that you do not see; your tests are run
on each of them, to tell the right ones from the wrong.

1. Look before you write: the code the issue is about, how its tests are written (framework, names, fixtures,
   helpers), and what the issue's example does now, by `bash`.
2. With `write_test`, write one file of about ten tests beside the existing ones and in their style. Each is a
   function or method of its own that pytest runs by its id, and checks one thing:
   - the issue's example, as it stands there;
   - the same mistake by other ways: other arguments, callers, subclasses, siblings of the function;
   - where a hasty fix goes wrong: empty, one, many, None, wrong types, what must go on raising;
   - two or three that pass now and must go on passing.
3. You are told what each test does on the untouched code, in two runs. Those that fail, in both and for the
   reason the issue gives, decide between patches; those that pass only guard. Those that break before they
   can fail decide nothing: a name that does not exist yet is imported inside of the test.
4. Mend the file with `edit`, or write it again. Is an expected value not said by the issue, the documentation
   or the existing tests, and would two good programmers choose differently? Then take the test out.
5. `submit` when the tests that fail are right. One file counts, the last that was valid; any other change is
   dropped.
"""

REFINE = """\
{edit}
An earlier attempt at this came to its end ({ended}). {state}

{attempt}

Improve on it. First find out whether it is right: does its patch do all that the issue asks for, does it
break what worked, is a failing test wrong or the patch? What it did of the steps above need not be done
again, but believe nothing that you have not seen. Keep what is right and change or take back the rest
(`git checkout HEAD -- PATH` restores a file). Your patch is the whole difference to the base, what you
keep of the earlier one included.
"""
APPLIED = "Its patch and its tests are in the working tree."
NOT_APPLIED = "Its patch does not apply ({why}), so the working tree is the untouched base."
NO_PATCH = "It left no patch, so the sources are the untouched base."

COMPARE = """\
{edit}
{count} earlier attempts at this came to their ends. The working tree is the untouched base; none of
their tests is in it.

{attempts}

First say in a few lines what the attempts have in common, where each fails or misses what the issue asks
for, and what none of them tried. What all share is not right for being shared: check it. Then solve the
issue; take over whatever is right.
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
ALTERNATING = "[You made the same two calls in turn {times} times: do something else, or finish.]"


def first_message(task: PublicTask, context: str, work: str = EDIT) -> str:
    """Return the first user message: what all trajectories of an issue share, and behind it their work.

    Up to the work it is the same for every kind and sample, so its prefix caches.
    """
    return FIRST.format(
        workdir=task.workdir,
        issue=task.problem_statement.strip("\n"),
        tests=task.test_runner.strip("\n"),
        context=context.strip("\n"),
        work=work.strip("\n"),
    )
