"""One row of a data set of the SWE-bench family, whichever spelling its columns have."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from envs.task import TaskError


def _names(value: Any) -> Any:
    """Return a list of tests that may come as a list, as JSON or as Python's own notation."""
    if value is None:
        return ()
    if not isinstance(value, str):
        return tuple(value) if isinstance(value, list | tuple) else value
    if not value.strip():
        return ()
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        return tuple(found) if isinstance(found, list | tuple) else found
    return value


def _commands(value: Any) -> Any:
    """Return shell commands that may come as one text or a list; `true` does nothing and is left out."""
    listed = [value] if isinstance(value, str) else _text(value)
    if not isinstance(listed, list | tuple):
        return listed or ()
    return tuple(one for one in listed if not isinstance(one, str) or one.strip() not in {"", "true"})


def _text(value: Any) -> Any:
    return "" if value is None else value


def _one_command(value: Any) -> Any:
    """Return one command of several, which run whether or not those before them failed."""
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return " ; ".join(value)
    return _text(value)


def _table(value: Any) -> Any:
    if value is None or value == "":
        return {}
    return _json(value) if isinstance(value, str) else value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _assets(value: Any) -> Any:
    """Return the files with a path and an address; lists of addresses alone belong to the issue."""
    table = _table(value)
    listed = [table.get(key) or () for key in ("test_patch", "patch")] if isinstance(table, dict) else []
    named = [one for entries in listed for one in entries if isinstance(one, dict) and one.get("path")]
    return tuple((one["path"], one.get("url") or "") for one in named) if named else ()


def _inside(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts:
        raise ValueError(f"{path!r} does not lie inside of the repository")
    return path


def _no_file(address: str) -> str:
    if address.startswith("file:"):
        raise ValueError("a file is named by its path, relative to the file of rows")
    return address


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Commands = Annotated[tuple[str, ...], BeforeValidator(_commands)]
Text = Annotated[str, BeforeValidator(_text)]


def _either(*names: str) -> Any:
    return AliasChoices(*names)


class Row(BaseModel):
    """An instance: its issue, where it runs, and, never printed, how it is graded.

    Beyond the published columns a row may carry `image` (a name, or `build`), `workdir`, `setup`,
    `test_command`, or in its place `runner`, to which the test files are appended, `log_parser` (of which
    `script:PATH` is a program), `eval_script`, and for `build` `python`, `requirements`, `base_image`,
    `pre_install`, `install`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    instance_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@-]*$", max_length=200)]
    repo: Text = Field(default="", validation_alias=_either("repo", "repo_name"))
    base_commit: Annotated[Text, Field(pattern=r"^([0-9a-fA-F]{40}|[0-9a-fA-F]{64}|)$")] = ""
    problem_statement: Text = ""
    difficulty: Text = ""
    version: Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))] = ""
    patch: Text = Field(default="", repr=False)
    test_patch: Text = Field(default="", repr=False)
    fail_to_pass: Names = Field(
        default=(), repr=False, validation_alias=_either("FAIL_TO_PASS", "fail_to_pass")
    )
    pass_to_pass: Names = Field(
        default=(), repr=False, validation_alias=_either("PASS_TO_PASS", "pass_to_pass")
    )
    expected: Annotated[dict[str, str], BeforeValidator(_table)] = Field(
        default={}, repr=False, validation_alias=_either("expected_output_json", "expected")
    )
    known_failures: Names = Field(default=(), repr=False)
    test_files: Names = Field(default=(), repr=False)
    image: Text = ""
    image_name: Text = ""
    docker_image: Text = ""
    dockerhub_tag: Text = ""
    workdir: Annotated[Text, Field(pattern=r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$")] = ""
    setup: Commands = ()
    env: Annotated[dict[str, str], BeforeValidator(_table)] = {}
    test_command: Annotated[str, BeforeValidator(_one_command)] = Field(
        default="", repr=False, validation_alias=_either("test_command", "test_cmds", "test_cmd")
    )
    selected_tests: Names = Field(
        default=(), repr=False, validation_alias=_either("selected_test_files_to_run", "selected_tests")
    )
    before_tests: Text = Field(
        default="", repr=False, validation_alias=_either("before_repo_set_cmd", "before_tests")
    )
    runner: Annotated[str, BeforeValidator(_one_command)] = Field(default="", repr=False)
    environment: Text = ""
    log_parser: Text = ""
    eval_script: Text = Field(default="", repr=False)
    eval_type: Text = ""
    image_assets: Annotated[
        tuple[tuple[Annotated[str, AfterValidator(_inside)], Annotated[str, AfterValidator(_no_file)]], ...],
        BeforeValidator(_assets),
    ] = Field(default=(), repr=False)
    python: Text = ""
    requirements: Names = ()
    base_image: Text = ""
    pre_install: Commands = ()
    install: Commands = ()

    @property
    def title(self) -> str:
        """The first line of the issue."""
        return self.problem_statement.strip().partition("\n")[0]


def read_row(data: Mapping[str, Any], where: str) -> Row:
    """Return a row.

    Args:
        data: the columns.
        where: what an error names, such as a file and a line.

    Raises:
        TaskError: a column is missing or of another kind.
    """
    try:
        return Row.model_validate(_common(data))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "the row"
        raise TaskError(f"{where}: {name}: {' '.join(first['msg'].split())}") from error


def _common(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns by the names and meanings that most data sets give them."""
    columns = dict(data)
    if "instance_id" not in columns and columns.get("repo_name") and columns.get("commit_hash"):
        columns["instance_id"] = f"{columns['repo_name']}__{str(columns['commit_hash'])[:12]}"  # R2E-Gym
    config = columns.get("install_config")
    if isinstance(config, Mapping):  # SWE-rebench, whose other columns of these names describe its images
        columns |= {"environment": "", "requirements": ()}
        columns |= {"runner": config.get("test_cmd")}
        columns |= {name: columns.get(name) or config.get(name) for name in ("log_parser", "python")}
    if columns.get("dockerhub_tag"):  # SWE-bench Pro, where these are part of the issue
        parts = (("Requirements", "requirements"), ("New interfaces introduced", "interface"))
        texts = [(title, columns.pop(name, "")) for title, name in parts]
        told = [f"{title}:\n{text}" for title, text in texts if isinstance(text, str) and text.strip()]
        issue = columns.get("problem_statement") or ""
        columns["problem_statement"] = "\n\n".join([issue, *told]) if isinstance(issue, str) else issue
    return columns
