"""The project's own commands: a project under repair is not installed, but its tests may call them."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from envs.cache import build_once, content_key
from envs.venvs import INSIDE

SCRIPTS = "/opt/scripts"
"""Where the commands lie in a sandbox."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TARGET = re.compile(r"(?P<module>[A-Za-z_]\w*(?:\.\w+)*):(?P<function>[A-Za-z_]\w*(?:\.\w+)*)")


def declared_scripts(project: Path) -> Mapping[str, str]:
    """Return the commands that a project declares, as `module:function` by name.

    Read are `[project.scripts]` of pyproject.toml, the console scripts of setup.cfg, and the entry points
    that a source release carries along. What is no plain command is left out.
    """
    found: dict[str, str] = {}
    for listing in sorted([*project.glob("*.egg-info"), *project.glob("src/*.egg-info")]):
        found |= _ini(_text(listing / "entry_points.txt")).get("console_scripts", {})
    listed = _ini(_text(project / "setup.cfg")).get("options.entry_points", {}).get("console_scripts", "")
    found |= _ini(f"[scripts]\n{listed.strip()}").get("scripts", {})
    found |= _pyproject(project / "pyproject.toml")
    plain = {name.strip(): target.partition("[")[0].strip() for name, target in found.items()}
    return {
        name: plain[name]
        for name in sorted(plain)
        if _NAME.fullmatch(name) and _TARGET.fullmatch(plain[name])
    }


def script_folder(project: Path, home: Path) -> Path | None:
    """Return a folder with the project's commands, to be mounted at `SCRIPTS`; None where it declares none.

    A command imports the project from where the caller's PYTHONPATH says, so it runs the code as it is.
    """
    scripts = declared_scripts(project)
    if not scripts:
        return None

    def build(folder: Path) -> None:
        for name, target in scripts.items():
            path = folder / name
            path.write_text(_script(target))
            path.chmod(0o755)

    return build_once(
        home / "scripts" / content_key("1", *(f"{name}={scripts[name]}" for name in scripts)), build
    )


def _script(target: str) -> str:
    module, _, function = target.partition(":")
    first = function.partition(".")[0]
    return f"#!{INSIDE}/bin/python\nimport sys\nfrom {module} import {first}\nsys.exit({function}())\n"


def _pyproject(path: Path) -> dict[str, str]:
    try:
        scripts = tomllib.loads(_text(path)).get("project", {}).get("scripts", {})
        return {str(name): str(target) for name, target in scripts.items()}
    except (tomllib.TOMLDecodeError, AttributeError):
        return {}


def _ini(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    return {section: dict(parser[section]) for section in parser.sections()}


def _text(path: Path) -> str:
    return (
        path.read_text(encoding="utf-8", errors="replace") if path.is_file() and not path.is_symlink() else ""
    )
