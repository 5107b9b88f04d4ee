"""How a row is graded; columns that rows of older schemas lack are completed."""

from __future__ import annotations

import shlex
from pathlib import Path

from envs.brought_parser import PREFIX
from envs.patches import split
from envs.swebench.commands import eval_type, log_parser, test_command, with_tests
from envs.swebench.families import Family
from envs.swebench.pro import MISSING, ProScripts, is_pro, pro_scripts
from envs.swebench.r2e import r2e_expected
from envs.swebench.reverse import reversed_patch
from envs.swebench.rows import Row
from envs.task import Asset, Grading, TaskError

SCRIPT = "script"
"""The name under which a program of other people's reads what tests print."""


def grading_of(row: Row, family: Family) -> Grading:
    """Return how a row is graded; what it lacks for that is in `Grading.missing`."""
    smith = _is_smith(family)
    scripts, missing = _scripts(row)
    command = scripts.command if scripts else _command(row, smith=smith)
    if row.environment and command:
        command = f"{row.environment}\n{command}"
    parser = SCRIPT if scripts and scripts.parser else _parser(row, family, command)
    return Grading(
        test_patch=row.test_patch,
        test_command=command,
        fail_to_pass=row.fail_to_pass,
        pass_to_pass=row.pass_to_pass,
        test_files=row.test_files or _test_files(row, smith=smith),
        gold_patch=reversed_patch(row.patch) if smith else row.patch,
        log_parser=parser,
        eval_script=row.eval_script,
        eval_type=row.eval_type or eval_type(row.repo),
        version=row.version,
        bug_patch=row.patch if smith else "",
        known_failures=row.known_failures,
        expected=r2e_expected(row.expected),
        parser_script=scripts.parser if scripts else "",
        assets=tuple(Asset(path, source) for path, source in row.image_assets),
        rule=family.rule,
        missing=missing or _missing(row, command, parser),
    )


def _scripts(row: Row) -> tuple[ProScripts | None, str]:
    """Return the command and the parser that come out of files of their own, or why they cannot be had."""
    try:
        if is_pro(row):
            found = pro_scripts(row)
            return found, "" if found else MISSING
        if row.log_parser.startswith(PREFIX):
            return ProScripts(_command(row, smith=False), _program(row)), ""
    except TaskError as error:
        return None, str(error)
    return None, ""


def _missing(row: Row, command: str, parser: str) -> str:
    """Say which columns a row lacks to be graded; empty where it has them."""
    if parser == "r2e":
        return ""
    repository = row.repo or "its repository"
    if not command and not row.eval_script:
        return (
            f"neither its row nor the swebench package says how {repository} runs its tests; "
            "add the columns test_command and log_parser, or eval_script and log_parser"
        )
    if not parser:
        return (
            f"neither its row nor the swebench package says who reads the log of {repository}; "
            "add the column log_parser: a parser of swebench's, junit or script:PATH"
        )
    return ""


def _is_smith(family: Family) -> bool:
    """Whether the rows are bugs made in a repository whose own tests show them."""
    return family.dataset.endswith("SWE-smith")


def _program(row: Row) -> str:
    """Return the text of a row's own parser."""
    path = Path(row.log_parser.removeprefix(PREFIX))
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise TaskError(f"the parser {path} cannot be read: {reason}") from error


def _command(row: Row, *, smith: bool) -> str:
    """Return the command of a row, or the official one where it brings none as a whole."""
    if row.test_command:
        return row.test_command
    if smith:
        return _smith_tests(row)
    if row.runner:
        return with_tests(row.runner, row.repo, row.test_patch)
    return test_command(row.repo, row.test_patch)


def _parser(row: Row, family: Family, command: str) -> str:
    if family.rule == "r2e":
        return "r2e"
    if row.log_parser == "pytest":  # SWE-bench-Live
        return "parse_log_pytest"
    return row.log_parser or log_parser(row.repo, command)


def _test_files(row: Row, *, smith: bool) -> tuple[str, ...]:
    if smith:
        return tuple(dict.fromkeys(one.partition("::")[0] for one in row.fail_to_pass if "::" in one))
    return tuple(dict.fromkeys(part.path for part in split(row.test_patch)))


def _smith_tests(row: Row) -> str:
    """Return the command for an instance of SWE-smith in Python: all files of its tests."""
    files = dict.fromkeys(
        one.partition("::")[0] for one in (*row.fail_to_pass, *row.pass_to_pass) if "::" in one
    )
    python = [file for file in files if file.endswith(".py")]
    words = ["pytest --disable-warnings --color=no --tb=no --verbose -rA", *map(shlex.quote, python)]
    return " ".join(words) if python else ""
