"""What a project says it needs to run its tests, read from its files and never by running them."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

TEST_EXTRAS = frozenset({"test", "tests", "testing", "dev"})
"""Names of extras and dependency groups that are for tests."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def declared_requirements(project: Path) -> tuple[str, ...]:
    """Return the requirements that a project declares for itself and its tests, sorted, each once.

    Read are `[project]` and `[dependency-groups]` of pyproject.toml, `[options]` of setup.cfg and the
    requirements*.txt files at the top. What cannot be read is left out; so are the project itself and
    references to places outside the package index (`name @ url`), which would run on the host.
    """
    pyproject = _toml(project / "pyproject.toml")
    table = _table(pyproject, "project")
    found = [
        *_strings(table.get("dependencies")),
        *_of_extras(_table(table, "optional-dependencies")),
        *_of_groups(_table(pyproject, "dependency-groups")),
        *_setup_cfg(project / "setup.cfg"),
    ]
    for file in sorted(project.glob("requirements*.txt")):
        found += _requirements_file(file)
    own = _normal(str(table.get("name", project.name)))
    plain = {one for one in found if _NAME.match(one) and " @ " not in one}
    return tuple(sorted({one for one in plain if _normal(one) != own}))


def _of_extras(extras: Mapping[str, Any]) -> Iterator[str]:
    for name, requirements in extras.items():
        if name.lower() in TEST_EXTRAS:
            yield from _strings(requirements)


def _of_groups(groups: Mapping[str, Any]) -> Iterator[str]:
    """Return the members of the test groups and of the groups that they include, each group once."""
    waiting = [name for name in groups if name.lower() in TEST_EXTRAS]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen or not isinstance(groups.get(name), list):
            continue
        seen.add(name)
        yield from _strings(groups[name])
        waiting += [str(one["include-group"]) for one in groups[name] if _is_include(one)]


def _is_include(member: object) -> bool:
    return isinstance(member, dict) and "include-group" in member


def _setup_cfg(path: Path) -> Iterator[str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(_text(path))
    except configparser.Error:
        return
    sections = [parser["options"].get("install_requires", "")] if "options" in parser else []
    if "options.extras_require" in parser:
        sections += [text for name, text in parser["options.extras_require"].items() if name in TEST_EXTRAS]
    for section in sections:
        yield from _plain_lines(section)


def _requirements_file(path: Path) -> Iterable[str]:
    return _plain_lines(_text(path))


def _plain_lines(text: str) -> Iterator[str]:
    """Return lines that are requirements; options, paths and comments are none."""
    for line in text.splitlines():
        requirement = re.split(r"\s#|\s--|\s\\$", f" {line}", maxsplit=1)[0].strip()
        if requirement and not requirement.startswith(("#", "-", ".", "/")):
            yield requirement


def _strings(value: object) -> list[str]:
    return [one.strip() for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _table(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError:
        return {}


def _text(path: Path) -> str:
    try:
        return (
            path.read_text(encoding="utf-8", errors="replace")
            if path.is_file() and not path.is_symlink()
            else ""
        )
    except OSError:
        return ""


def _normal(requirement: str) -> str:
    name = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", name[0]).lower() if name else ""
