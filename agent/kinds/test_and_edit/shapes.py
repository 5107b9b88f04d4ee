"""What the machine's actions take: one set for each phase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from agent.arguments import Arguments, GiveUpArguments


def _whole(text: str) -> str:
    """Refuse text that no file could hold as the model means it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("half of a character, which is no unicode text") from error
    return text


class LookArguments(Arguments):
    """Read code: files, lines, folders, definitions, uses. Ask for all you need at once.

    One request a line, up to 12: `path`, `path:10-80`, a folder, or a name or text to search for (also as an
    extended regular expression). A name is shown with the code that it stands for. Lines come as number,
    tab, text; the number and the tab are not part of the file.
    """

    tool = "look"
    what: Annotated[str, Field(min_length=1, description="Requests, one a line.")]


class WriteTestArguments(Arguments):
    """Write your test file, in place of the one you wrote before, and run it on the untouched repository.

    It counts once a test in it fails there, twice the same, and none breaks before its verdict; else it is
    sent back with the reason and not kept.
    """

    tool = "write_test"
    path: Annotated[str, Field(min_length=1, description="New file, e.g. tests/test_issue_name.py.")]
    content: Annotated[str, Field(min_length=1, description="The whole file.")]


class ProvedArguments(Arguments):
    """Your test fails for the reason that the issue gives: go on to the fix."""

    tool = "done"
    message: Annotated[str, Field(description="Why the failure is the issue's, in a sentence.")] = ""


class NoTestArguments(Arguments):
    """Go on to the fix without a test, dropping the one you may have."""

    tool = "no_test"
    reason: Annotated[str, Field(min_length=1, description="Why no test can show the issue here.")]


class EditArguments(Arguments):
    """Replace passages in any files of the repository, create, delete, rename files; all is done or nothing.

    Then your test, the tests of other attempts and the existing tests near the change are run on the patched
    repository, and you are told what they did.
    """

    tool = "edit"
    changes: Annotated[
        str, AfterValidator(_whole), Field(description="SEARCH/REPLACE blocks, each below its file's path.")
    ] = ""
    files: Annotated[
        str,
        AfterValidator(_whole),
        Field(
            description="Files to delete or rename before that, one a line: `delete PATH` or "
            "`rename OLD -> NEW`. Blocks then name the new path."
        ),
    ] = ""
    onto: Annotated[
        Literal["current", "base"],
        Field(
            description="What SEARCH is looked up in: `current`, the state after your edits so far; or "
            "`base`, the untouched repository, which drops your edits so far."
        ),
    ] = "current"


class FixedArguments(Arguments):
    """Finish: the repository as edited is your patch."""

    tool = "done"
    message: Annotated[
        str, Field(description="What was wrong and what you changed, in a sentence or two.")
    ] = ""


def _by_name(*kinds: type[Arguments]) -> Mapping[str, type[Arguments]]:
    return {kind.tool: kind for kind in kinds}


TEST_PHASE = _by_name(LookArguments, WriteTestArguments, ProvedArguments, NoTestArguments)
EDIT_PHASE = _by_name(LookArguments, EditArguments, WriteTestArguments, FixedArguments, GiveUpArguments)
