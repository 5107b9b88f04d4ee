"""How an error is told to a user: one line, and an exit code."""

from __future__ import annotations

import errno
from typing import Any, Protocol, runtime_checkable

FAILED, WRONG_USE = 1, 2


class UsageError(ValueError):
    """The command line asks for something that makes no sense; the message says what would."""


@runtime_checkable
class Refused(Protocol):
    """What the parser of the command line raises; Typer keeps the class to itself."""

    exit_code: int

    def format_message(self) -> str:
        """Return what is wrong; nothing where the command's help was shown."""


def describe(error: BaseException) -> tuple[str, int] | None:
    """Return one line and the exit code for an error a user can meet, None for a defect of ours.

    Of several errors at once, the first that is known is told.
    """
    import typer

    from agent.models.errors import ModelError, UnknownModelError
    from agent.serving.errors import OrderError
    from envs.git import GitError
    from envs.task import TaskError
    from runs.grading import UngradedError
    from runs.journal import JournalError
    from runs.sampling import MistakeError
    from sandbox.base import SandboxError, UnknownSandboxError
    from selection.evidence_file import EvidenceError
    from selection.lab.labelled import LabError
    from selection.pool import PoolError
    from selection.rules import RuleError

    if isinstance(error, BaseExceptionGroup):
        told = [found for inner in error.exceptions if (found := describe(inner))]
        return told[0] if told else None
    if isinstance(error, typer.Abort):
        return "aborted", FAILED
    if isinstance(error, Refused):
        return _refusal(error), error.exit_code
    wrong_use = (UsageError | TaskError | UnknownModelError | UnknownSandboxError | OrderError) | (
        PoolError | RuleError | EvidenceError | LabError
    )
    if isinstance(error, wrong_use):
        return _line(error), WRONG_USE
    if isinstance(error, GitError | JournalError | MistakeError | ModelError | SandboxError | UngradedError):
        return _line(error), FAILED
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            f"no space left{_where(error)}; make room and go on with --resume (a batch: the same command)",
            FAILED,
        )
    if isinstance(error, OSError) and error.filename:
        return f"{error.strerror}{_where(error)}; choose another place or make it usable", FAILED
    return None


def _refusal(error: Refused) -> str:
    said = " ".join(error.format_message().split()).rstrip(".")
    context: Any = getattr(error, "ctx", None)
    hint = f"; see {context.command_path} -h" if context is not None else ""
    return f"{said[:1].lower()}{said[1:]}{hint}" if said else ""


def _where(error: OSError) -> str:
    return f" for {error.filename}" if error.filename else ""


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
