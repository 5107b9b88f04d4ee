"""What each tool takes: its specification for the model, and the check of what the model gave."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from agent.messages import ToolCall, ToolSpec

MALFORMED = "malformed_arguments"
"""The only argument of a call whose arguments were no JSON object; a backend puts the raw text there."""

SHOWN = 300
"""Characters of a wrong value that are shown back."""


class ArgumentsError(ValueError):
    """A call that cannot be performed as written; the message says what is wrong and what is expected."""


class Arguments(BaseModel):
    """Arguments of one tool; the docstring of each subclass is the tool's description for the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    tool: ClassVar[str]


class BashArguments(Arguments):
    """Run shell text with bash in the repository's folder.

    Returns stdout and stderr interleaved, then `[exit code N]`. `cd`, `export` and files last to the next
    call; background processes end with theirs. No network. Long output loses its middle: filter it.
    """

    tool = "bash"
    command: Annotated[str, Field(min_length=1, description="Shell text; may have several lines.")]
    timeout: Annotated[int, Field(ge=1, le=3600, description="Seconds until everything is ended.")] = 60


class ViewArguments(Arguments):
    """Show a file's lines with their numbers, at most 600 a call, or list a folder.

    Each line comes as number, tab, text; the number and the tab are not part of the file.
    """

    tool = "view"
    path: Annotated[str, Field(min_length=1, description="File or folder; relative to the repository.")]
    start: Annotated[int, Field(ge=1, description="First line.")] = 1
    end: Annotated[int, Field(ge=0, description="Last line; 0 for as many as are shown in one call.")] = 0


class EditArguments(Arguments):
    """Replace one passage of a file: `old` must occur exactly once, character for character.

    Include enough of the lines around it to make it unique, and keep the indentation. An empty `old` creates
    a new file holding `new`. An empty `new` deletes the passage.
    """

    tool = "edit"
    path: Annotated[str, Field(min_length=1, description="File; relative to the repository.")]
    old: Annotated[str, Field(description="The passage as it is now, without line numbers.")]
    new: Annotated[str, Field(description="What stands there afterwards.")]


class SearchArguments(Arguments):
    """Find where something is defined and where it is used.

    First the Python definitions whose name matches, as `path:start-end kind qualified.name`, then the
    lines holding the text (where none does: matching it as an extended regular expression), as
    `path:line: text`.
    """

    tool = "search"
    query: Annotated[str, Field(min_length=1, description="A name such as `Class.method`, or any text.")]
    path: Annotated[str, Field(description="Only below this folder or in this file.")] = ""


class WriteTestArguments(Arguments):
    """Write a new test file that fails on the issue's bug and passes once it is fixed.

    Its name is `test_<what>.py`. It counts as your evidence. Existing files of the repository are refused;
    your own may be written again.
    """

    tool = "write_test"
    path: Annotated[str, Field(min_length=1, description="New file, e.g. tests/test_issue_name.py.")]
    content: Annotated[str, Field(min_length=1, description="The whole file.")]


class SubmitArguments(Arguments):
    """Finish: what you changed in the repository's folder is your result."""

    tool = "submit"
    message: Annotated[
        str, Field(description="What was wrong and what you changed, in a sentence or two.")
    ] = ""


class GiveUpArguments(Arguments):
    """Finish without claiming a solution."""

    tool = "give_up"
    reason: Annotated[str, Field(min_length=1, description="What stopped you.")]


ARGUMENTS: dict[str, type[Arguments]] = {
    kind.tool: kind
    for kind in (
        BashArguments,
        ViewArguments,
        EditArguments,
        SearchArguments,
        WriteTestArguments,
        SubmitArguments,
        GiveUpArguments,
    )
}


def specifications(tools: Mapping[str, type[Arguments]] = ARGUMENTS) -> tuple[ToolSpec, ...]:
    """Return the specifications of tools, in the order they are offered."""
    return tuple(_specification(kind) for kind in tools.values())


def read_arguments(call: ToolCall, tools: Mapping[str, type[Arguments]] = ARGUMENTS) -> Arguments:
    """Return the checked arguments of a call of one of the tools.

    Raises:
        ArgumentsError: the tool does not exist, or its arguments are not of the expected shape.
    """
    kind = tools.get(call.name)
    if kind is None:
        raise ArgumentsError(_unknown_tool(call.name, tools))
    if MALFORMED in call.arguments:
        raise ArgumentsError(f"{call.arguments[MALFORMED]}\nExpected {signature(kind)}")
    try:
        return kind.model_validate(call.arguments)
    except ValidationError as error:
        problems = "\n".join(
            _problem(detail["loc"], detail["msg"], detail["input"]) for detail in error.errors()
        )
        raise ArgumentsError(
            f"Wrong arguments for `{call.name}`:\n{problems}\nExpected {signature(kind)}"
        ) from None


def signature(kind: type[Arguments]) -> str:
    """Return a tool's shape as one writes a function, e.g. `view(path: str, start: int = 1)`."""
    return f"{kind.tool}({', '.join(_parameter(name, field) for name, field in kind.model_fields.items())})"


def _parameter(name: str, field: FieldInfo) -> str:
    kind = field.annotation
    annotation = kind.__name__ if isinstance(kind, type) else str(kind).removeprefix("typing.")
    return f"{name}: {annotation}" + ("" if field.is_required() else f" = {field.default!r}")


def _problem(location: tuple[int | str, ...], message: str, value: object) -> str:
    name = ".".join(str(part) for part in location) or "arguments"
    if message == "Field required":
        return f"- `{name}` is missing"
    if message == "Extra inputs are not permitted":
        return f"- there is no argument `{name}`"
    shown = repr(value)
    shown = shown if len(shown) <= SHOWN else shown[:SHOWN] + "..."
    return f"- `{name}`: {message[:1].lower()}{message[1:]}, got {shown}"


def _unknown_tool(name: str, tools: Mapping[str, type[Arguments]]) -> str:
    near = difflib.get_close_matches(name, tools, n=1)
    hint = f"; did you mean `{near[0]}`?" if near else "."
    shapes = "\n".join(f"- {signature(kind)}" for kind in tools.values())
    return f"There is no tool `{name[:SHOWN]}`{hint} The tools are:\n{shapes}"


@cache
def _specification(kind: type[Arguments]) -> ToolSpec:
    schema: dict[str, Any] = kind.model_json_schema()
    properties = {
        name: {key: value for key, value in shape.items() if key != "title"}
        for name, shape in schema["properties"].items()
    }
    parameters: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if schema.get("required"):
        parameters["required"] = schema["required"]
    description = " ".join((kind.__doc__ or "").split())
    return ToolSpec(name=kind.tool, description=description, parameters=parameters)
