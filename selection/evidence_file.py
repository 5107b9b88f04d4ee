"""Evidence on disk: one JSON object a line, one line an issue, compressed where the name ends in `.gz`."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, TypeAdapter, ValidationError

from agent.messages import Value
from envs.outcomes import Outcome
from selection.candidate import Candidate, TestFile
from selection.clusters import Clusters
from selection.evidence import Comparison, Evidence
from selection.matrix import BASE, TestCase, TestMatrix
from selection.records import is_text
from selection.verdict import Verdict

SCHEMA = "evidence 1"
_LONGEST = 60
"""Characters of a name that an error repeats."""


class EvidenceError(ValueError):
    """A file of evidence cannot be read; the message says where, why and what to do."""


class _Test(Value):
    id: str
    target: str
    file: int | None = None
    authors: tuple[str, ...] = ()


class _Record(Value):
    """One issue as a line; `outcomes` are by row, in the order of `tests`; each file is written once."""

    schema_version: str
    task: str
    repo: str
    problem_statement: str
    candidates: tuple[Candidate, ...]
    members: dict[str, tuple[str, ...]]
    failed: dict[str, str]
    idle: tuple[str, ...] = ()
    files: tuple[TestFile, ...]
    tests: tuple[_Test, ...]
    rows: tuple[str, ...]
    outcomes: dict[str, tuple[Outcome, ...]]
    messages: dict[str, dict[str, str]]
    quarantined: tuple[str, ...]
    facts: dict[str, dict[str, float]]
    executed: dict[str, dict[str, float]] = Field(default_factory=dict)
    results: dict[str, dict[str, str]] = Field(default_factory=dict)
    verdicts: tuple[Verdict, ...]
    comparisons: tuple[Comparison, ...]
    excused: dict[str, str]


RECORD = TypeAdapter(_Record)


def write_evidence(path: Path, evidence: Iterable[Evidence]) -> None:
    """Write the evidence of several issues; the file is whole or, when interrupted, as it was."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    compressed = path.suffix == ".gz"
    try:
        with gzip.open(draft, "wb") if compressed else draft.open("wb") as file:
            for one in evidence:
                file.write(json.dumps(RECORD.dump_python(_record(one))).encode() + b"\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def read_evidence(path: Path) -> Iterator[Evidence]:
    """Yield the evidence of each issue of a file.

    Raises:
        EvidenceError: the file cannot be read, is of another schema, or a line is damaged or contradicts
            itself.
    """
    number = 0
    try:
        with _opened(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _evidence(_parsed(line, f"{path} line {number}"))
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        place = f"{path} after line {number}" if number else str(path)
        raise EvidenceError(f"cannot read {place}: {why}; make the file anew, or leave it out") from error


def _opened(path: Path) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _parsed(line: bytes, where: str) -> _Record:
    """Return a line's record, which fits together.

    Raises:
        EvidenceError: it is none, or of another schema.
    """
    data = _json(line, where)
    if isinstance(data, dict) and (named := data.get("schema_version", SCHEMA)) != SCHEMA:
        told = f"{where} is of schema {_short(named)}, and {SCHEMA!r} is read"
        raise EvidenceError(f"{told}; read it with the Mangabey that wrote it, or make it anew")
    try:
        record = RECORD.validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(_short(part).strip("'") for part in first["loc"])
        raise EvidenceError(_refused(where, f"{field}: {first['msg']}" if field else first["msg"])) from error
    if flaw := next(_flaws(record), ""):
        raise EvidenceError(_refused(where, flaw))
    return record


def _json(line: bytes, where: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"{where} is no JSON: {error}; make it anew, or take the line out") from error


def _refused(where: str, why: str) -> str:
    return f"{where} is no evidence: {why}; make it anew, or take the line out"


def _flaws(record: _Record) -> Iterator[str]:
    """Yield what in a record contradicts itself: it would be read as something that was never seen."""
    known = {one.id: one for one in record.candidates}
    yield from (
        f"two candidates are called {_short(one.id)}" for one in record.candidates if one != known[one.id]
    )
    texts = [(one.id, one.patch) for one in record.candidates]
    texts += [(file.path, f"{file.path}{file.content}") for file in record.files]
    yield from (
        f"{_short(name)} is no text: half a surrogate pair" for name, text in texts if not is_text(text)
    )
    members = (id_ for ids in record.members.values() for id_ in ids)
    placed = Counter([*record.failed, *record.idle, *members])
    yield from (f"{_short(id_)} is in two clusters" for id_, times in placed.items() if times > 1)
    named = {*placed, *record.facts, *(one.candidate for one in record.verdicts)}
    named |= {id_ for one in record.comparisons for id_ in one.shown}
    named |= {id_ for shares in record.executed.values() for id_ in shares}
    named |= {id_ for found in record.results.values() for id_ in found}
    yield from (f"no candidate is called {_short(id_)}" for id_ in sorted(named - set(known)))
    for one in record.comparisons:
        if one.picked and one.picked not in one.shown:
            yield f"{_short(one.judge)} picked {_short(one.picked)}, which it was not shown"
    numbers = [one.score for one in record.verdicts if one.score is not None]
    yield from (f"{number} is no score from 0 to 1" for number in numbers if not 0 <= number <= 1)
    shares = [share for run in record.executed.values() for share in run.values()]
    yield from (f"{share} is no share from 0 to 1" for share in shares if not 0 <= share <= 1)
    numbers = [number for facts in record.facts.values() for number in facts.values()]
    yield from (f"{number} is no fact" for number in numbers if not math.isfinite(number))
    yield from _flaws_of_matrix(record)


def _flaws_of_matrix(record: _Record) -> Iterator[str]:
    yield from (f"the row {_short(row)} is no cluster" for row in record.rows if row not in record.members)
    if set(record.outcomes) != {BASE, *record.rows}:
        yield "the rows of `outcomes` are not the base and `rows`"
    for row, outcomes in record.outcomes.items():
        if len(outcomes) != len(record.tests):
            yield f"{len(outcomes)} outcomes in the row {_short(row)} of {len(record.tests)} tests"
    times = Counter(test.id for test in record.tests)
    yield from (f"two tests are called {_short(id_)}" for id_, number in times.items() if number > 1)
    for test in record.tests:
        if test.file is not None and not 0 <= test.file < len(record.files):
            yield f"the test {_short(test.id)} lies in file {test.file} of {len(record.files)}"


def _short(name: object) -> str:
    said = repr(name)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."


def _record(one: Evidence) -> _Record:
    matrix = one.matrix
    files = tuple(dict.fromkeys(test.file for test in matrix.tests if test.file is not None))
    places = {file: number for number, file in enumerate(files)}
    everyone = (BASE, *matrix.rows)
    return _Record(
        schema_version=SCHEMA,
        task=one.task,
        repo=one.repo,
        problem_statement=one.problem_statement,
        candidates=one.candidates,
        members=dict(one.clusters.members),
        failed=dict(one.clusters.failed),
        idle=one.clusters.idle,
        files=files,
        tests=tuple(
            _Test(id=test.id, target=test.target, file=_place(test, places), authors=test.authors)
            for test in matrix.tests
        ),
        rows=matrix.rows,
        outcomes={row: tuple(matrix.outcome(test.id, row) for test in matrix.tests) for row in everyone},
        messages={row: _messages(matrix, row) for row in everyone},
        quarantined=matrix.quarantined,
        facts={id_: dict(facts) for id_, facts in one.facts.items()},
        executed={run: dict(shares) for run, shares in one.executed.items()},
        results={program: dict(found) for program, found in one.results.items()},
        verdicts=one.verdicts,
        comparisons=one.comparisons,
        excused=dict(one.excused),
    )


def _place(test: TestCase, places: dict[TestFile, int]) -> int | None:
    return None if test.file is None else places[test.file]


def _messages(matrix: TestMatrix, row: str) -> dict[str, str]:
    said = ((test.id, matrix.message(test.id, row)) for test in matrix.tests)
    return {id_: message for id_, message in said if message}


def _evidence(record: _Record) -> Evidence:
    tests = tuple(
        TestCase(one.id, None if one.file is None else record.files[one.file], one.target, one.authors)
        for one in record.tests
    )
    cells: dict[Any, Outcome] = {}
    for row, outcomes in record.outcomes.items():
        cells |= {(test.id, row): outcome for test, outcome in zip(tests, outcomes, strict=True)}
    messages = {
        (test, row): message for row, said in record.messages.items() for test, message in said.items()
    }
    return Evidence(
        task=record.task,
        repo=record.repo,
        problem_statement=record.problem_statement,
        candidates=record.candidates,
        clusters=Clusters(record.members, record.failed, record.idle),
        matrix=TestMatrix(tests, record.rows, cells, messages, record.quarantined),
        facts=record.facts,
        executed=record.executed,
        results=record.results,
        verdicts=record.verdicts,
        comparisons=record.comparisons,
        excused=record.excused,
    )
