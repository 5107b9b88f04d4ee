"""Options that several commands share: which task or instances, in which images and sandboxes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from envs.sources.choice import Choice

Instances = Annotated[
    list[str] | None,
    typer.Option("--instances", "-i", help="Ids, globs, or @FILE with one a line; may be repeated."),
]
Slice = Annotated[str, typer.Option("--slice", help="Part of the list, as Python slices: 0:50, 10:, ::2.")]
Shuffle = Annotated[bool, typer.Option("--shuffle", help="Shuffle first, by --seed.")]
Seed = Annotated[int, typer.Option("--seed", help="Makes the shuffle reproducible.")]
Shard = Annotated[str, typer.Option("--shard", help="i/n: the i-th of n parts that together are all.")]
Image = Annotated[
    str | None, typer.Option("--image", help="Image for all instead of each row's own; `build` makes them.")
]
Sandbox = Annotated[
    str, typer.Option("--sandbox", help="Where untrusted code runs: auto, daemonless, docker, or a plug-in.")
]

Registry = Annotated[
    str | None,
    typer.Option("--registry", help="Registry or mirror before every image's name; or MANGABEY_REGISTRY."),
]
Platform = Annotated[
    str | None,
    typer.Option("--platform", help="Platform of images, such as linux/amd64; or MANGABEY_PLATFORM."),
]

TaskName = Annotated[
    str | None,
    typer.Option(help="An instance as SOURCE/ID (see `mangabey tasks`), or a GitHub issue's address."),
]
At = Annotated[
    str | None, typer.Option(help="Commit, branch or tag of a GitHub issue's repository to start from.")
]
Repo = Annotated[Path | None, typer.Option(help="A local git checkout, with --issue; it is never changed.")]
Issue = Annotated[str | None, typer.Option(help="The issue: a file, or its text; - reads standard input.")]
Python = Annotated[
    Path | None, typer.Option(help="Interpreter or virtual environment that runs the checkout's tests.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option("-c", metavar="KEY=VALUE", help="A value of the recipe; may be repeated."),
]
TestSeconds = Annotated[
    float | None, typer.Option(min=1.0, max=1e9, help="Time one run of a test file may take.")
]
Suite = Annotated[Path | None, typer.Option(help="A task manifest of your own.")]


def choosing(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that choose instances, in place of its parameter `choice`."""
    options = _parameters(choice_of)
    parameters = {
        name: one
        for part in _parameters(command).values()
        for name, one in (options.items() if part.name == "choice" else [(part.name, part)])
    }

    def with_choice(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in options}
        command(**given, choice=choice_of(**chosen))

    with_choice.__name__, with_choice.__doc__ = command.__name__, command.__doc__
    with_choice.__annotations__ = {name: one.annotation for name, one in parameters.items()}
    with_choice.__signature__ = inspect.Signature(list(parameters.values()))  # type: ignore[attr-defined]
    return with_choice


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return a function's parameters as typer reads them, by keyword and with their types."""
    hints = get_type_hints(function, localns={"Choice": object}, include_extras=True)
    return {
        name: one.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name])
        for name, one in inspect.signature(function).parameters.items()
    }


def choice_of(
    instances: Instances = None,
    cut: Slice = "",
    shuffle: Shuffle = False,
    seed: Seed = 0,
    shard: Shard = "",
) -> Choice:
    """Return the selection that the options make."""
    from envs.sources.choice import Choice

    return Choice(tuple(instances or ()), shuffle, seed, cut, shard)


def use_registry(registry: str, platform: str) -> None:
    """Take images from a registry, for a platform, in all of this process; empty ones change nothing.

    Raises:
        UsageError: the registry is none that an image's name can begin with.
    """
    import os

    from runs.failures import UsageError
    from sandbox.docker.images import PLATFORM, PREFIX

    if "://" in registry or registry != "".join(registry.split()):
        raise UsageError(f"--registry {registry!r} cannot begin an image's name; write HOST[:PORT][/PATH]")
    for name, value in ((PREFIX, registry), (PLATFORM, platform)):
        if value:
            os.environ[name] = value


def require_alone(context: typer.Context, beside: frozenset[str]) -> None:
    """Refuse options given with --resume, but for some: a run goes on as it was ordered."""
    from runs.failures import UsageError

    given = [
        max(one.opts, key=len)
        for one in context.command.params
        if one.name not in beside
        and str(context.get_parameter_source(one.name or "")).endswith("COMMANDLINE")
    ]
    if given:
        raise UsageError(f"--resume goes on as the run was ordered; leave out {', '.join(sorted(given))}")


def absolute_image(name: str | None) -> str | None:
    """Return an image's name, absolute where it is a path, so that a run can be resumed from anywhere."""
    from sandbox.daemonless.images import is_local

    return str(Path(name).absolute()) if name and is_local(name) else name


def issue_text(issue: str | None) -> str | None:
    """Return an issue's text: what standard input or the named file holds, else the argument itself."""
    import os
    import sys

    from runs.failures import UsageError

    if issue is None:
        return None
    if issue == "-":
        return sys.stdin.buffer.read().decode("utf-8", "replace")
    if "\n" in issue or len(issue) > 4000:
        return issue
    path = Path(issue)
    if os.path.isfile(path):  # noqa: PTH113 (says no, where pathlib raises, to a text too long for a name)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the issue file {issue} cannot be read as text: {error}") from error
    if path.suffix in {".md", ".txt", ".rst"} and " " not in issue:
        raise UsageError(f"there is no issue file {issue}")
    return issue
