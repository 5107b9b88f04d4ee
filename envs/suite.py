"""A manifest of release pairs: each row is a bug that one release of a package had and the next one fixed."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from envs.task import TaskError


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ValueError(f"{path!r} does not lie inside of the release")
    return path


Inside = Annotated[str, AfterValidator(_inside)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Lines = tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]]


class _Edge(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Hunk(_Edge):
    """Replace the lines [a, b) of a file in the buggy release by the lines [c, d) of it in the fixed one.

    Lines are counted from 1 and end at a line feed; `a == b` inserts before line a, and a file that the buggy
    release lacks counts as empty.
    """

    file: Inside
    old_line_range: Lines
    new_line_range: Lines


class Digests(_Edge):
    """SHA-256 of the two source archives."""

    buggy: Sha256
    fixed: Sha256


class Row(_Edge):
    """One task of the suite; its fix and tests are never printed."""

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    buggy_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+!-]*$")]
    fixed_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+!-]*$")]
    tier: int = 0
    fix_kind: str = Field(default="", repr=False)
    problem_statement: Annotated[str, Field(min_length=1)]
    root: Inside
    fixed_root: Inside
    sdist_sha256: Digests
    gold_hunks: tuple[Hunk, ...] = Field(repr=False)
    test_hunks: tuple[Hunk, ...] = Field(repr=False)
    test_files: tuple[Inside, ...] = Field(repr=False)
    test_command: str = Field(repr=False)
    fail_to_pass: tuple[str, ...] = Field(alias="FAIL_TO_PASS", repr=False)
    pass_to_pass_by_file: dict[str, tuple[str, ...]] = Field(alias="PASS_TO_PASS", repr=False)
    extra_requirements: tuple[str, ...] = ()
    python: str = ""
    source_files: tuple[str, ...] = Field(default=(), repr=False)

    @model_validator(mode="after")
    def _shows_the_bug(self) -> Row:
        if not self.fail_to_pass:
            raise ValueError("FAIL_TO_PASS is empty: no test shows the bug")
        return self

    @property
    def title(self) -> str:
        """The first line of the issue."""
        return self.problem_statement.strip().partition("\n")[0]

    @property
    def pass_to_pass(self) -> tuple[str, ...]:
        """Ids of the tests that must go on passing."""
        grouped = self.pass_to_pass_by_file.items()
        return tuple(sorted(f"{file}::{test}" for file, tests in grouped for test in tests))


def read_manifest(manifest: Path | None) -> tuple[Row, ...]:
    """Return the rows of a manifest, one JSON object a line; the shipped one where None is given.

    Raises:
        TaskError: it cannot be read, a line is no row, or two rows have the same id.
    """
    rows: dict[str, Row] = {}
    for number, line in enumerate(_text(manifest).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = Row.model_validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the row"
            raise TaskError(
                f"{manifest or 'the shipped suite'}, line {number}: {where}: {first['msg']}"
            ) from error
        if row.id in rows:
            raise TaskError(f"{manifest or 'the shipped suite'}, line {number}: the id {row.id} occurs twice")
        rows[row.id] = row
    return tuple(rows.values())


def _text(manifest: Path | None) -> str:
    if manifest is None:
        from importlib.resources import files

        return (files("envs") / "data" / "pypi_bugs.jsonl").read_text(encoding="utf-8")
    try:
        return manifest.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise TaskError(f"the suite {manifest} cannot be read: {reason}") from error
