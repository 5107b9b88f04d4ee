"""The search for a repair, top down: reproduce, trace, read, try edits, check, apply, submit.

A generator that yields steps and receives what their calls returned. It depends on nothing else, so
that the same observations always lead to the same steps. Generate-and-validate repair goes back to GenProg
(Le Goues et al., 2012); ranking by kind and place follows Prophet (Long and Rinard, 2016).
"""

from __future__ import annotations

import random
import re
import shlex
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING

from agent.models.repair import layout, ranking, trial
from agent.models.repair.edits import Edit
from agent.models.repair.issue import read_issue
from agent.models.repair.localise import Evidence, files_to_read, suspects
from agent.models.repair.oracle import write_tests
from agent.models.repair.passages import passages
from agent.models.repair.progress import Found, Kept, Limits, Observations, Problem, Queue, Step, Steps
from agent.models.repair.scope import Hints
from agent.models.repair.source import Source
from agent.models.repair.trace import Trace, read_trace

if TYPE_CHECKING:
    from agent.models.repair.issue import IssueClues

MOST_CHECKED = 40
"""Edits that pass and are checked against existing tests in one round."""
CHECKED_AT_ONCE = 8
"""Edits of those that one call checks."""


def search(problem: Problem, rng: random.Random, limits: Limits | None = None) -> Steps:
    """Search for a repair; the last step submits it or gives up."""
    limits = limits or Limits()
    clues = read_issue(problem.issue)
    try:
        trial.command(problem.runner, "trial.py", "")
    except ValueError as error:
        yield _give_up(f"This engine only works where pytest runs the tests: {error}.")
        return
    python_files = yield from _list_files()
    kept = yield from _reproduce(problem, clues, python_files, rng)
    if not kept:
        yield _give_up("No test could be derived from the issue that fails on the present code.")
        return
    evidence = Evidence(clues, (yield from _trace(problem, kept[0])), problem.context, problem.issue)
    sources = yield from _read(evidence)
    if not sources:
        yield _give_up("The failing test runs no code of the repository that could be read.")
        return
    hints = _hints(clues, sources)
    edits = ranking.ranked(suspects(evidence, sources, hints), rng, problem.temperature)
    found = Found()
    texts = {source.path: source.text for source in sources}
    literals = layout.literals(clues)
    strengths = [one.test.strength for one in kept]
    checked: set[Edit] = set()
    clean: list[ranking.Passed] = []
    more = Queue(edits)
    while not clean:
        new = [entry for entry in found.passed if entry.edit not in checked]
        if not new:
            yield from _try(problem, kept, more, found, limits)
            new = [entry for entry in found.passed if entry.edit not in checked]
        if not new:
            yield _give_up(_summary(found))
            return
        candidates = ranking.trusted(new, strengths, texts, literals)[:MOST_CHECKED]
        checked.update(entry.edit for entry in candidates)
        checks = yield from _telling_tests(clues, candidates, python_files)
        clean = yield from _check(problem, kept, candidates, checks, limits)
    for candidate in _choice(clean, rng, problem.temperature):
        if (yield from _apply(problem, kept, candidate, texts)):
            return
    yield _give_up("The edits that passed in trials fail in a full run of the tests.")


def _list_files() -> Generator[Step, Observations, list[str]]:
    text = (
        "This is a search engine and no language model: it tries small edits of the code until a test made "
        "from the issue passes. First it looks at what there is and installs its programs in /tmp."
    )
    python = "find . -name '*.py' -not -path './.git/*' -not -path '*/site-packages/*'"
    listing = f"{python} | LC_ALL=C sort | head -n 1500"
    shown = yield Step(
        text, (("bash", {"command": f"{listing} | cut -c3-"}), ("bash", {"command": trial.install()}))
    )
    return [line for line in shown[0].splitlines() if line.endswith(".py")]


def _reproduce(
    problem: Problem, clues: IssueClues, files: Sequence[str], rng: random.Random
) -> Generator[Step, Observations, list[Kept]]:
    """Write the tests and keep those that fail for what looks like the issue's reason."""
    tests = write_tests(clues, layout.homes(problem.context))
    folder = layout.tests_folder(files)
    written = [Kept(layout.test_path(folder, test.name, number), test) for number, test in enumerate(tests)]
    if not written:
        return []
    calls = tuple(("write_test", {"path": one.path, "content": one.test.source}) for one in written)
    yield Step(f"Writing {len(written)} alternative tests that the issue suggests.", calls)
    runs = tuple(
        ("bash", {"command": f"{problem.runner} {shlex.quote(one.path)}", "timeout": 60}) for one in written
    )
    shown = yield Step("Running each on the code as it is: those that fail are of use.", runs)
    failing = [one for one, output in zip(written, shown, strict=True) if reproduces(output)]
    useless = [one for one in written if one not in failing]
    if useless:
        paths = " ".join(shlex.quote(one.path) for one in useless)
        yield Step(
            f"Removing {len(useless)} tests that pass already or cannot run.",
            (("bash", {"command": f"rm -f {paths}"}),),
        )
    if problem.temperature and len(failing) > 1:
        weights = [one.test.strength**2 for one in failing]
        leader = rng.choices(failing, weights)[0]
        failing = [leader, *(one for one in failing if one is not leader)]
    return failing


def reproduces(output: str) -> bool:
    """Whether pytest's output shows tests that ran and failed, and no error in the test file itself."""
    if exit_code(output) != 1:
        return False
    return bool(re.search(r"\d+ failed", output)) and not re.search(r"\d+ errors?\b", output)


def exit_code(output: str) -> int | None:
    """Return how a command ended, None where its time was up."""
    codes = re.findall(r"^\[exit code (-?\d+)\]$", output, re.MULTILINE)
    return int(codes[-1]) if codes else None


def _trace(problem: Problem, lead: Kept) -> Generator[Step, Observations, Trace]:
    call = trial.command(problem.runner, "tracer.py", f"{shlex.quote(lead.path)} 30")
    shown = yield Step(f"Tracing {lead.path}.", (("bash", {"command": call, "timeout": 90}),))
    return read_trace(shown[0])


def _read(evidence: Evidence) -> Generator[Step, Observations, list[Source]]:
    """View the files that suspicious functions lie in, whole."""
    sources: list[Source] = []
    pages: dict[str, list[str]] = {path: [] for path in files_to_read(evidence)}
    wanted = [(path, 1) for path in pages]
    while wanted:
        calls = tuple(("view", {"path": path, "start": start}) for path, start in wanted)
        shown = yield Step("Reading " + ", ".join(sorted({path for path, _ in wanted})) + ".", calls)
        more: list[tuple[str, int]] = []
        for (path, start), text in zip(wanted, shown, strict=True):
            page = layout.read_page(text)
            pages[path].extend(page.lines)
            if start == 1 and page.total:
                size = len(page.lines)
                more += [(path, first) for first in range(1 + size, min(page.total, 9000) + 1, size)]
            elif page.total and page.last < min(page.total, start + len(page.lines) - 1):
                more.append((path, page.last + 1))
        wanted = more
    for path, lines in pages.items():
        try:
            sources.append(Source(path, "\n".join(lines) + "\n"))
        except (SyntaxError, ValueError):
            continue
    return sources


def _hints(clues: IssueClues, sources: Sequence[Source]) -> Hints:
    signatures: dict[str, tuple[str, ...]] = {}
    for source in sources:
        signatures.update(layout.signatures(source))
    return Hints(clues.names, clues.exceptions, layout.texts(clues), signatures)


def _try(
    problem: Problem, kept: Sequence[Kept], queue: Queue, found: Found, limits: Limits
) -> Generator[Step, Observations, None]:
    """Try edits until some time after one passes, or until the time for it is over."""
    passed_before = len(found.passed)
    since = None
    rate = 12.0
    while found.seconds < limits.trying and found.batches < limits.batches:
        if found.seconds > 0.55 * limits.trying and not found.passed:
            queue.pair(found)
        edits = queue.take(max(10, min(600, int(rate * limits.batch))))
        if not edits:
            if queue.pairing or found.passed:
                return
            queue.pair(found)
            continue
        numbered = list(enumerate(edits, len(found.tried)))
        trials = yield from _batch(problem, kept, numbered, limits)
        found.add(numbered, trials, limits)
        rate = max(1.0, trials.tried / (trials.seconds or limits.batch))
        if since is None and len(found.passed) > passed_before:
            since = len(found.tried)
        if since is not None and len(found.tried) >= since + limits.after_first:
            return


def _summary(found: Found) -> str:
    if not found.passed:
        return f"None of {len(found.results)} edits makes the reproduction pass."
    return f"All {len(found.passed)} edits that make the reproduction pass break existing tests."


def _batch(
    problem: Problem, kept: Sequence[Kept], numbered: Sequence[tuple[int, Edit]], limits: Limits
) -> Generator[Step, Observations, trial.Trials]:
    tests = [one.path for one in kept]
    places = sorted({f"{edit.path}:{edit.function or 'module'}" for _, edit in numbered})
    text = f"Trying {len(numbered)} edits of {', '.join(places[:3])}" + (
        " and others." if len(places) > 3 else "."
    )
    command = trial.batch(problem.runner, "trial.py", numbered, tests, 3 * limits.batch)
    shown = yield Step(text, (("bash", {"command": command, "timeout": int(12 * limits.batch)}),))
    return trial.read_trials(shown[0])


def _telling_tests(
    clues: IssueClues, candidates: Sequence[ranking.Passed], files: Sequence[str]
) -> Generator[Step, Observations, list[str]]:
    """Return existing test files, those that speak most of the edited functions first."""
    tests = [path for path in files if layout.is_test_file(path)]
    if not tests:
        return []
    words = layout.words_of([entry.edit for entry in candidates[:20]], clues.names)
    command = (
        f"grep -owE {shlex.quote('|'.join(words))} -- {' '.join(map(shlex.quote, tests[:300]))} /dev/null"
    )
    shown = yield Step(
        f"{len(candidates)} edits make the reproduction pass. Looking for tests of {', '.join(words[:4])}.",
        (("bash", {"command": f"{command} | sort | uniq -c | sort -rn | head -n 200"}),),
    )
    return layout.by_mentions(shown[0], tests, words)


def _check(
    problem: Problem,
    kept: Sequence[Kept],
    candidates: Sequence[ranking.Passed],
    checks: Sequence[str],
    limits: Limits,
) -> Generator[Step, Observations, list[ranking.Passed]]:
    """Return the first candidates that break no existing test; the best few where no test gives a verdict.

    They are checked a few at a time, since a check costs a run of the tests for each.
    """
    if not checks:
        return list(candidates[:CHECKED_AT_ONCE])
    for start in range(0, len(candidates), CHECKED_AT_ONCE):
        some = candidates[start : start + CHECKED_AT_ONCE]
        command = trial.batch(
            problem.runner,
            "check.py",
            [(number, entry.edit) for number, entry in enumerate(some)],
            [one.path for one in kept],
            limits.checking,
            checks=list(checks[:40]),
        )
        shown = yield Step(
            f"Running existing tests with {len(some)} of them, from number {start + 1} on.",
            (("bash", {"command": command, "timeout": int(5 * limits.checking)}),),
        )
        verdicts = trial.read_trials(shown[0]).results
        if not verdicts:
            return list(some)
        clean = [entry for number, entry in enumerate(some) if verdicts.get(number) == "clean"]
        if clean:
            return clean
    return []


def _choice(clean: Sequence[ranking.Passed], rng: random.Random, temperature: float) -> list[ranking.Passed]:
    """Return up to three candidates to apply, the first drawn so that samples differ."""
    rest = list(clean)
    if temperature and len(rest) > 1:
        weights = [1.0 / (1 + rank) ** 2 for rank in range(len(rest))]
        first = rng.choices(rest, weights)[0]
        rest = [first, *(entry for entry in rest if entry is not first)]
    return rest[:3]


def _apply(
    problem: Problem, kept: Sequence[Kept], candidate: ranking.Passed, texts: Mapping[str, str]
) -> Generator[Step, Observations, bool]:
    """Make the edit, run the tests in full and submit; or undo it, when the leading one fails."""
    edit = candidate.edit
    steps = passages(texts[edit.path], edit.cuts)
    where = f"{edit.path}:{edit.function or edit.line}"
    calls = tuple(("edit", {"path": edit.path, "old": old, "new": new}) for old, new in steps)
    yield Step(f"Applying the best edit ({edit.operator}) to {where}.", calls)
    runs = tuple(
        ("bash", {"command": f"{problem.runner} {shlex.quote(one.path)}", "timeout": 60}) for one in kept
    )
    shown = yield Step("Running the reproductions in full.", runs)
    passing = [exit_code(output) == 0 for output in shown]
    if not passing[0]:
        undo = tuple(("edit", {"path": edit.path, "old": new, "new": old}) for old, new in reversed(steps))
        yield Step("It fails in a full run: taking it back.", undo)
        return False
    wrong = [one.path for one, ok in zip(kept, passing, strict=True) if not ok]
    if wrong:
        paths = " ".join(map(shlex.quote, wrong))
        yield Step("Removing tests that ask for something else.", (("bash", {"command": f"rm -f {paths}"}),))
    message = (
        f"Found by search, not by a language model: {edit.operator} in {where}. "
        f"The test derived from the issue ({kept[0].test.why.rstrip('.')}) failed before and passes now."
    )
    yield Step("Submitting.", (("submit", {"message": message}),))
    # asked for only where the first was refused, for what tests of other attempts say
    yield Step("It passes its own tests: submitting all the same.", (("submit", {"message": message}),))
    return True


def _give_up(reason: str) -> Step:
    return Step("Nothing to submit.", (("give_up", {"reason": reason}),))
