"""Evidence on disk: one JSON object a line, one line an issue, compressed where the name ends in `.gz`."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from agent.messages import Value
from envs.outcomes import Outcome
from selection.candidate import Candidate, TestFile
from selection.clusters import Clusters
from selection.evidence import Comparison, Evidence
from selection.matrix import BASE, TestCase, TestMatrix
from selection.verdict import Verdict

SCHEMA = "evidence 1"


class EvidenceError(ValueError):
    """A file of evidence cannot be read; the message says where and why."""


class _Test(Value):
    id: str
    target: str
    file: int | None = None
    authors: tuple[str, ...] = ()


class _Record(Value):
    """One issue as a line; `outcomes` are by row, in the order of `tests`; each file is written once."""

    schema_version: str = SCHEMA
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
        EvidenceError: the file cannot be read or holds something else.
    """
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _evidence(_parsed(line, f"{path} line {number}"))
    except (OSError, EOFError) as error:
        raise EvidenceError(f"cannot read {path}: {error}") from error


def _parsed(line: bytes, where: str) -> _Record:
    try:
        return RECORD.validate_python(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise EvidenceError(f"{where} is no evidence: {field}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"{where} is no JSON: {error}") from error


def _record(one: Evidence) -> _Record:
    matrix = one.matrix
    files = tuple(dict.fromkeys(test.file for test in matrix.tests if test.file is not None))
    places = {file: number for number, file in enumerate(files)}
    everyone = (BASE, *matrix.rows)
    return _Record(
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
        verdicts=record.verdicts,
        comparisons=record.comparisons,
        excused=record.excused,
    )
