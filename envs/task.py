"""A task: one issue to solve, in a part that agents see and a sealed part that only grading opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeVar

T = TypeVar("T")


class TaskError(ValueError):
    """A task cannot be found, read, prepared or graded; the message says what to do.

    `log` is what a program of others said of it, for the log of a grade.
    """

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class Sealed(Generic[T]):
    """A value that is not printed, compared, pickled or serialised, and comes out only by `unseal`.

    Only the room `envs` calls `unseal`, to grade and to validate; a test holds the rest of the code to that.
    """

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def unseal(self) -> T:
        """Return what is inside."""
        return self._value

    def __repr__(self) -> str:
        return "Sealed(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("sealed grading data is never serialised")


@dataclass(frozen=True, slots=True)
class Build:
    """How an instance's image is made where none is published.

    `base` is the image below, empty for the one that has the environment's Python. `setup` runs as root and
    with the network, once for all instances that share it. In the repository and without network,
    `pre_install` runs once, and `install` after it and again after a patch that is graded.
    """

    base: str = ""
    setup: tuple[str, ...] = ()
    pre_install: tuple[str, ...] = ()
    install: tuple[str, ...] = ()

    @property
    def script(self) -> str:
        """The commands that prepare and install the repository."""
        return "\n".join((*self.pre_install, *self.install))


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a task's code runs.

    Either a ready interpreter (`python` is a path), or one made for the task: a virtual environment of
    version `python` with exactly `requirements`. `env` is set for every command; `setup` runs once, in a
    sandbox, before the base is frozen. A task without a repository of its own runs in `image`, which holds it
    at `workdir`, or in one that `build` makes. `hidden` are paths in an image that no agent may see,
    relative ones in `workdir`; `grades_as` is who runs the official tests, `root` in images made for that.
    """

    python: str = ""
    requirements: tuple[str, ...] = ()
    image: str | None = None
    workdir: str = "/testbed"
    setup: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    build: Build | None = None
    hidden: tuple[str, ...] = ()
    grades_as: str = "agent"


@dataclass(frozen=True, slots=True)
class PublicTask:
    """What an agent, a test writer, a verifier and a selector may know of a task.

    `test_runner` is the shell command that runs the repository's tests, to which test files or ids are
    appended; it holds no hint at the hidden tests.
    """

    instance_id: str
    repo: str
    base_commit: str
    problem_statement: str
    workdir: str
    test_runner: str


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that the official tests need and no text patch can carry, such as an expected picture.

    `source` is an http(s) address, or a file address where the row lies in a file of the user's.
    """

    path: str
    source: str


@dataclass(frozen=True, slots=True)
class Grading:
    """What decides whether a task is resolved; never enters a sandbox that an agent has used.

    `test_patch` and `gold_patch` are unified diffs; `fail_to_pass` and `pass_to_pass` are test ids as the
    test command reports them; `test_files` are the files the test patch touches. `log_parser` is `junit` for
    pytest's report by its exit code, `r2e` for R2E-Gym's rule, `script` for the program whose text is
    `parser_script`, else the name of one of the `swebench` package's. `eval_script`, where a data set brings
    one, is run instead of `test_command`. `bug_patch` makes the bug in a repository that lacks it
    (SWE-smith). `known_failures` fail with the fix too and are set aside by name. `expected` are R2E-Gym's
    outcomes by test. `assets` are put in place after the official tests. `rule` is the data
    set's for logs that the package reads: `swebench` or `live`. `missing` says, in words for the
    user, what the task lacks to be graded.
    """

    test_patch: str
    test_command: str
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    test_files: tuple[str, ...] = ()
    gold_patch: str = ""
    log_parser: str = "junit"
    eval_script: str = ""
    eval_type: str = "pass_and_fail"
    version: str = ""
    bug_patch: str = ""
    known_failures: tuple[str, ...] = ()
    expected: Mapping[str, str] = field(default_factory=dict)
    parser_script: str = ""
    assets: tuple[Asset, ...] = ()
    rule: str = "swebench"
    missing: str = ""

    @property
    def judged_by(self) -> str:
        """The rule by which results become a verdict: the log parser's own, or the data set's."""
        return self.log_parser if self.log_parser in {"junit", "r2e", "script"} else self.rule


@dataclass(frozen=True, slots=True)
class Task:
    """One issue to solve: its public facts, where it runs, and, where known, how it is graded."""

    instance_id: str
    repo: str
    base_commit: str
    problem_statement: str
    environment: Environment
    test_runner: str
    grading: Sealed[Grading] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def public(self) -> PublicTask:
        """Return the part that may be shown to agents and selectors."""
        return PublicTask(
            instance_id=self.instance_id,
            repo=self.repo,
            base_commit=self.base_commit,
            problem_statement=self.problem_statement,
            workdir=self.environment.workdir,
            test_runner=self.test_runner,
        )
